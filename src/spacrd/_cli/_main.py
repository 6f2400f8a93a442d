"""Run a command; errors become one line and an exit code."""

from __future__ import annotations

import argparse
import contextlib
import functools
import os
import signal
import sys
import threading
import traceback
from collections.abc import Iterator, Sequence
from typing import Any

from .. import __version__
from .._checks import printable
from ._compare import CROSS_VALIDATE, RIVALS
from ._console import Console, settings_of
from ._each import INPUT_ERROR, UNEXPECTED, error_text
from ._her2st import TRAIN
from ._model import FIT
from ._options import explain_names
from ._parser import UsageError, build_parser
from ._prepare import ANNOTATE, PATCHES
from ._results import DEMO, EVALUATE, REPORT
from ._score import ADAPT, SCORE

COMMANDS = (DEMO, ANNOTATE, PATCHES, FIT, SCORE, ADAPT, EVALUATE, REPORT, CROSS_VALIDATE, RIVALS, TRAIN)
INTERRUPTED, UNREAD, TERMINATED = 130, 141, 143


@contextlib.contextmanager
def _tidy_when_terminated() -> Iterator[None]:
    """Let SIGTERM, which schedulers send, end the program the way Ctrl-C does: unfinished output is removed."""

    def end(*args: Any) -> None:
        print("spacrd: terminated; unfinished output is removed", file=sys.stderr)
        raise SystemExit(TERMINATED)

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _versions() -> str:
    from importlib.metadata import version

    names = ("anndata", "scanpy", "spatialdata", "spatialdata-io", "torch", "numpy")
    return ", ".join([f"python {sys.version.split()[0]}", *(f"{name} {version(name)}" for name in names)])


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code."""
    try:
        arguments = _parse(argv)
        settings = settings_of(arguments)
        calls = {command.call: command.name for command in COMMANDS if command.call}
        explain = functools.partial(explain_names, arguments=settings, commands=calls)
        console = Console(
            arguments.quiet, arguments.verbose, arguments.json, sys.stdout, explain, debug=arguments.debug
        )
        facts = {"spacrd": __version__, "command": arguments.command, "settings": settings}
        with _tidy_when_terminated():
            return _run(arguments, console, facts)
    except BrokenPipeError:
        # Whoever read our output has gone; Python would complain again when it closes the stream.
        with contextlib.suppress(OSError, ValueError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return UNREAD


def _parse(argv: Sequence[str] | None) -> argparse.Namespace:
    words = sys.argv[1:] if argv is None else list(argv)
    try:
        return build_parser(COMMANDS).parse_args(words)
    except UsageError as error:
        text = printable(str(error))
        print(text, file=sys.stderr)
        if "--json" in words:
            command = next((word for word in words if word in {command.name for command in COMMANDS}), None)
            console = Console(quiet=False, verbose=False, as_json=True, stdout=sys.stdout)
            console.write_json({"spacrd": __version__, "command": command, **_error("UsageError", text, INPUT_ERROR)})
        raise SystemExit(INPUT_ERROR) from None
    except SystemExit:
        sys.stdout.flush()  # of --version or --help: at the end of the program Python complains by itself
        raise


def _error(kind: str, text: str, code: int) -> dict[str, Any]:
    """Return what the JSON object says of an error."""
    return {"error": {"type": kind, "message": text, "exit_code": code}}


def _run(arguments: argparse.Namespace, console: Console, facts: dict[str, Any]) -> int:
    try:
        with console.listening():
            if arguments.verbose:
                console.say(f"spacrd {__version__}; {_versions()}")
                for name, value in facts["settings"].items():
                    console.say(f"  {name} = {value!r}")
            outcome = arguments.run(arguments, console)
        console.finish(outcome, facts)
    except BrokenPipeError:
        raise
    except KeyboardInterrupt:
        print("spacrd: interrupted; unfinished output was removed", file=sys.stderr)
        return INTERRUPTED
    except Exception as error:
        text, code = error_text(error, console)
        if arguments.debug:
            print(printable(traceback.format_exc()), end="", file=sys.stderr)
        elif code == UNEXPECTED:
            text += " (run again with --debug to see where, and report it, please)"
        print(f"spacrd: {text}", file=sys.stderr)
        if console.as_json:
            console.write_json({**facts, **_error(type(error).__name__, text, code)})
        return code
    return outcome.code
