"""Output of the command line: results on stdout, everything else on stderr."""

from __future__ import annotations

import argparse
import contextlib
import json
import logging
import math
import sys
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TextIO

from .._checks import SpacrdWarning, printable
from .._settings import logger, settings


@dataclass(frozen=True)
class Outcome:
    """The outcome of a command."""

    record: Mapping[str, Any]
    """For ``--json``."""
    text: str
    """For people."""
    asked: bool = False
    """Whether the text is what the command was called for, so that ``--quiet`` does not hide it."""
    code: int = 0
    """Exit code: not 0 if some of several inputs failed."""


@dataclass
class Console:
    """Where a command speaks to.

    Attributes
    ----------
    quiet, verbose, as_json, debug
        What the user asked for.
    stdout
        For results; ``sys.stdout`` is turned to stderr while a command runs, as libraries print too.
    explain
        Adds to a message what the names in it are called on the command line.
    warnings
        Texts of spacrd's warnings so far, each once.
    """

    quiet: bool
    verbose: bool
    as_json: bool
    stdout: TextIO
    explain: Callable[[str], str] = str
    debug: bool = False
    warnings: list[str] = field(default_factory=list)
    _shown: set[str] = field(default_factory=set, repr=False)

    def say(self, text: str) -> None:
        """Say how far the work is."""
        if not self.quiet:
            print(printable(text), file=sys.stderr, flush=True)

    def result(self, text: str) -> None:
        """Print a result for people."""
        if not self.as_json:
            print(printable(text), file=self.stdout, flush=True)

    def finish(self, outcome: Outcome, facts: Mapping[str, Any]) -> None:
        """Print the outcome of a command."""
        if self.as_json:
            self.write_json({**facts, **outcome.record})
        elif outcome.text and (outcome.asked or not self.quiet):
            self.result(outcome.text)

    def write_json(self, record: Mapping[str, Any]) -> None:
        """Print the JSON object."""
        print(json.dumps(as_plain({**record, "warnings": self.warnings}), indent=1, allow_nan=False), file=self.stdout)
        self.stdout.flush()

    def _show(self, message: Warning | str, category: type[Warning], *args: Any, **kwargs: Any) -> None:
        text = " ".join(str(message).split())
        if text in self._shown:
            return
        self._shown.add(text)
        if issubclass(category, SpacrdWarning):
            text = self.explain(text)
            self.warnings.append(text)
            text = f"spacrd: warning: {text}"
        else:
            text = f"{category.__name__}: {text}"
        print(printable(text), file=sys.stderr, flush=True)

    @contextlib.contextmanager
    def listening(self) -> Iterator[None]:
        """Turn what libraries print to stderr, keep spacrd's warnings, and drop others' unless ``verbose``."""
        before, disabled = (settings.progress, settings.verbosity), logging.root.manager.disable
        handler = logging.StreamHandler()
        with warnings.catch_warnings(), contextlib.redirect_stdout(sys.stderr):
            warnings.simplefilter("default" if self.verbose else "ignore")
            warnings.simplefilter("always", SpacrdWarning)
            warnings.showwarning = self._show
            try:
                settings.progress = not self.quiet and before[0] and (self.verbose or sys.stderr.isatty())
                if self.verbose:
                    settings.verbosity = "info"
                    logger.addHandler(handler)
                else:
                    logging.disable(logging.WARNING)
                yield
            finally:
                settings.progress, settings.verbosity = before
                logger.removeHandler(handler)
                logging.disable(disabled)


def as_plain(value: Any) -> Any:
    """Convert a value to what JSON has: numbers that are not finite are null."""
    import numpy as np

    if isinstance(value, Mapping):
        return {str(key): as_plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | np.ndarray):
        return [as_plain(item) for item in value]
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value if value is None or isinstance(value, bool | int | float | str) else str(value)


def table_text(rows: Sequence[Mapping[str, Any]], columns: Sequence[str]) -> str:
    """Write a table as text, a line for each row."""
    import pandas as pd

    frame = pd.DataFrame([{name: row.get(name) for name in columns} for row in rows])
    return frame.to_string(index=False, float_format=lambda value: f"{value:.3g}")


def settings_of(arguments: argparse.Namespace) -> dict[str, Any]:
    """Return every option of a command with its value."""
    talk = {"run", "command", "quiet", "verbose", "json", "debug"}
    return {name: value for name, value in sorted(vars(arguments).items()) if name not in talk}
