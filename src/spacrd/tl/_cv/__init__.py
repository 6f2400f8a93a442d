"""Folds of a cross-validation: what they hold, how they run, and what comes out."""
