"""The command line: ``spacrd demo | annotate | patches | fit | score | evaluate | report``."""

from ._main import main

__all__ = ["main"]
