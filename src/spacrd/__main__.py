"""Command line: ``spacrd demo`` or ``python -m spacrd demo``."""

from __future__ import annotations

import argparse
import sys
import warnings
from collections.abc import Sequence

from . import __version__

USER_ERRORS = (OSError, ValueError, KeyError, TypeError, ImportError)


def _demo(arguments: argparse.Namespace) -> None:
    from ._demo import demo

    demo(
        arguments.out,
        data=arguments.data,
        target=arguments.target,
        seed=arguments.seed,
        overwrite=arguments.overwrite,
    )


def build_parser() -> argparse.ArgumentParser:
    """Build the parser of the command line."""
    parser = argparse.ArgumentParser(
        prog="spacrd", description="Find the cancer spots of spatial transcriptomics sections. For research use only."
    )
    parser.add_argument("--version", action="version", version=f"spacrd {__version__}")
    parser.add_argument("--debug", action="store_true", help="show the whole traceback of an error")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    demo = commands.add_parser(
        "demo",
        help="fit on two simulated sections, score a third, save pictures, scores and model",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    demo.add_argument("--out", default="spacrd-demo", metavar="DIR", help="folder for the results")
    demo.add_argument("--data", metavar="PATH", help="folder of the real her2st sections, used in place of simulation")
    demo.add_argument("--target", default="A1", metavar="SECTION", help="with --data: the section to score")
    demo.add_argument("--seed", default=0, type=int, help="seed of simulation and training")
    demo.add_argument("--overwrite", action="store_true", help="write into a folder that holds other files")
    demo.set_defaults(run=_demo)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; 0 if all went well, 2 after an error of the user's, 130 if interrupted."""
    arguments = build_parser().parse_args(argv)
    try:
        with warnings.catch_warnings():
            # What other packages warn their developers of is noise here; spacrd's own warnings are not.
            warnings.simplefilter("ignore")
            warnings.filterwarnings("default", module=r"spacrd\b")
            arguments.run(arguments)
    except USER_ERRORS as error:
        if arguments.debug:
            raise
        text = error.args[0] if isinstance(error, KeyError) and error.args else error
        print(f"spacrd: {' '.join(str(text).split())}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("spacrd: interrupted, nothing was written", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
