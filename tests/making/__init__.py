"""Makers of sections, models, encoders, files and results for tests.

Tests import them from here. A ``conftest.py`` defines fixtures that call them; no test module is imported by another.
"""
