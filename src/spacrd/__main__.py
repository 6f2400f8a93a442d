"""Command line: ``spacrd COMMAND`` or ``python -m spacrd COMMAND``."""

import sys
from collections.abc import Sequence

__all__ = ["main"]


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code, also after Ctrl-C while modules are imported."""
    try:
        from ._cli import main as run

        return run(argv)
    except KeyboardInterrupt:
        print("spacrd: interrupted", file=sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(main())
