"""``spacrd demo``."""

from __future__ import annotations

import argparse

from .. import _demo
from ._console import Console, Outcome
from ._options import add_options, given
from ._parser import Command

ARGUMENTS = ("out", "data", "target", "seed", "overwrite")


def _fill(parser: argparse.ArgumentParser) -> None:
    add_options(
        parser, _demo.demo, ARGUMENTS, out={"metavar": "DIR"}, data={"metavar": "DIR"}, target={"metavar": "SECTION"}
    )


def _run(arguments: argparse.Namespace, console: Console) -> Outcome:
    import pandas as pd

    say = console.say if console.quiet or console.as_json else console.result
    folder = _demo.demo(**given(arguments, ARGUMENTS), say=say)
    metrics = pd.read_csv(folder / "metrics.csv").to_dict("records")
    return Outcome({"outputs": [str(folder)], "sections": metrics}, "")


COMMAND = Command(
    "demo",
    "fit on two simulated sections, score a third, save images, scores and model",
    _fill,
    _run,
    """\
  spacrd demo
  spacrd demo --data her2st --target A1 --out her2st-demo
""",
)
