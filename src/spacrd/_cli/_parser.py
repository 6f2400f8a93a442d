"""The parser: commands whose options are made when one of them is called for, so that the others cost no import."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, NoReturn

from .. import __version__
from ._console import Console, Outcome

EXIT_CODES = """\
exit codes:
  0    done
  1    unexpected error: please report it, with the traceback that --debug shows
  2    input error: the message says what was found, what was expected and what to do
  130  interrupted (Ctrl-C); 143 terminated; 141 broken pipe
"""


class Command(NamedTuple):
    """A command of the command line."""

    name: str
    summary: str
    call: str
    """Function of spacrd that it runs, such as ``"tl.fit"``."""
    arguments: tuple[str, ...]
    """Arguments of that function that are its options."""
    fill: Callable[[argparse.ArgumentParser], None]
    """Adds its options to a parser."""
    run: Callable[[argparse.Namespace, Console], Outcome]
    """Runs it."""
    examples: str


class HelpFormatter(argparse.RawDescriptionHelpFormatter):
    """Formatter that writes defaults behind the help of options that have one."""

    def _get_help_string(self, action: argparse.Action) -> str | None:
        shown = not (action.default is None or action.default is argparse.SUPPRESS or isinstance(action.default, bool))
        return f"{action.help} (default: %(default)s)" if shown else action.help


class UsageError(Exception):
    """Arguments that the parser does not take."""


class CommandParser(argparse.ArgumentParser):
    """Parser that makes its options on first use, and raises :class:`UsageError` instead of ending the program."""

    def __init__(self, *, fill: Callable[[argparse.ArgumentParser], None] | None = None, **texts: Any) -> None:
        super().__init__(**texts)
        self.formatter_class = HelpFormatter
        self.allow_abbrev = False
        self._fill = fill

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """Make the options, then parse."""
        fill, self._fill = self._fill, None
        if fill is not None:
            fill(self)
        return super().parse_known_args(args, namespace)

    def error(self, message: str) -> NoReturn:
        """Show the usage, and raise an error that says what is wrong."""
        self.print_usage(sys.stderr)
        raise UsageError(f"{self.prog}: error: {message}")


def _add_talk(parser: argparse.ArgumentParser, *, top: bool) -> None:
    """Add the options of every command, before its name or after it."""
    group = parser.add_argument_group("messages")
    default: dict[str, Any] = {"default": False if top else argparse.SUPPRESS}
    loud = group.add_mutually_exclusive_group()
    loud.add_argument("--quiet", action="store_true", **default, help="only show warnings and errors")
    loud.add_argument(
        "--verbose",
        action="store_true",
        **default,
        help="also show settings, versions, progress and messages of libraries",
    )
    group.add_argument(
        "--json", action="store_true", **default, help="print one JSON object on stdout; all else goes to stderr"
    )
    group.add_argument("--debug", action="store_true", **default, help="show the traceback of an error")


def build_parser(commands: Sequence[Command]) -> argparse.ArgumentParser:
    """Build the parser of the command line."""
    parser = CommandParser(
        prog="spacrd",
        description="Find the cancer spots of spatial transcriptomics sections. For research use only.",
        epilog=f"`spacrd COMMAND --help` says more, with examples.\n\n{EXIT_CODES}",
    )
    parser.add_argument("--version", action="version", version=f"spacrd {__version__}")
    _add_talk(parser, top=True)
    adder = parser.add_subparsers(dest="command", required=True, metavar="COMMAND", title="commands")
    for command in commands:

        def fill(parser: argparse.ArgumentParser, command: Command = command) -> None:
            command.fill(parser)
            _add_talk(parser, top=False)

        adder.add_parser(
            command.name,
            help=command.summary,
            description=f"{command.summary[0].upper()}{command.summary[1:]}.",
            epilog=f"examples:\n{command.examples}\n{EXIT_CODES}",
            fill=fill,
        ).set_defaults(run=command.run)
    return parser
