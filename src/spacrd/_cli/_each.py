"""Several inputs in one call: what one of them fails with does not stop the others."""

from __future__ import annotations

import sys
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from .._checks import printable, quote_names
from ._console import Console, Outcome
from ._inputs import Input

UNEXPECTED, INPUT_ERROR = 1, 2
"""Exit codes of errors."""


@dataclass(frozen=True)
class Failure:
    """An input that failed.

    Attributes
    ----------
    input
        As the user wrote it.
    type
        Name of the class of the error.
    message
        What it says.
    code
        Exit code of the error.
    """

    input: str
    type: str
    message: str
    code: int


def is_input_error(error: Exception) -> bool:
    """Tell whether the user can mend an error: files, missing packages, and what spacrd itself refuses.

    The same kinds of error raised inside another library are not meant for the user.
    """
    if isinstance(error, OSError | ImportError):
        return True
    if not isinstance(error, ValueError | KeyError | TypeError):
        return False
    last = list(traceback.walk_tb(error.__traceback__))[-1][0]
    return str(last.f_globals.get("__name__", "")).split(".")[0] == "spacrd"


def error_text(error: Exception, console: Console) -> tuple[str, int]:
    """Return what an error says, in one line, and its exit code."""
    text = error.args[0] if isinstance(error, KeyError) and error.args else error
    message = console.explain(printable(" ".join(str(text).split())))
    if is_input_error(error):
        return message, INPUT_ERROR
    return f"unexpected {type(error).__name__}: {message}", UNEXPECTED


def for_each(sources: Sequence[Input], console: Console, work: Callable[[int, Input], None]) -> list[Failure]:
    """Do the work of a command for each input, and return those that failed.

    Each failure is named at once. The error of the only input is raised, and so is a reader of our output that has
    gone.
    """
    failures = []
    for number, source in enumerate(sources):
        try:
            work(number, source)
        except BrokenPipeError:
            raise
        except Exception as error:
            if len(sources) == 1:
                raise
            message, code = error_text(error, console)
            if console.debug:
                print(printable(traceback.format_exc()), end="", file=sys.stderr)
            print(f"spacrd: {source.given}: {message}", file=sys.stderr, flush=True)
            failures.append(Failure(source.given, type(error).__name__, message, code))
    return failures


def outcome_of(record: Mapping[str, Any], text: str, failures: Sequence[Failure], n_inputs: int) -> Outcome:
    """Return the outcome of a command with its failures, its exit code that of the worst of them."""
    failed = [asdict(failure) for failure in failures]
    if failures:
        names = quote_names([failure.input for failure in failures])
        results = "the results of the others are written" if record["outputs"] else "nothing is written"
        print(f"spacrd: {len(failures)} of {n_inputs} inputs failed: {names}; {results}", file=sys.stderr, flush=True)
    code = min((failure.code for failure in failures), default=0)  # unexpected before input errors
    return Outcome({**record, "failed": failed}, text if record["outputs"] else "", code=code)
