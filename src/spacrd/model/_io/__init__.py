"""Models as folders and on the hub."""
