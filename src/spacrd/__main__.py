"""Command line: ``spacrd COMMAND`` or ``python -m spacrd COMMAND``."""

import sys

from ._cli import main

__all__ = ["main"]

if __name__ == "__main__":
    sys.exit(main())
