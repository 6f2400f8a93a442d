"""Sections as arrays, and what is computed from them."""
