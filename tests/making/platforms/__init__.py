"""Output folders of Space Ranger and Xenium, with a colour and counts that are known everywhere."""
