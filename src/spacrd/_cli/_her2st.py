"""``spacrd train-her2st``: a breast model from a copy of a public study."""

from __future__ import annotations

import argparse

from .._files import checked_path
from ._apart import check_apart
from ._console import Console, Outcome
from ._options import Changes, add_options, given
from ._outputs import check_writable
from ._parser import Command

OPTIONS = ("out", "modality", "encoder", "overwrite")
CHANGES: Changes = {"out": {"metavar": "DIR"}, "modality": {"choices": ("expression",)}, "encoder": {"metavar": "NAME"}}


def _fill(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("data", metavar="PATH", help="folder of her2st, see spacrd.datasets.her2st")
    add_options(parser, "_her2st_model.train_her2st", OPTIONS, CHANGES)


def _train(arguments: argparse.Namespace, console: Console) -> Outcome:
    from .._her2st_model import train_her2st

    out = checked_path(arguments.out, "--out")
    check_writable(out)
    check_apart(arguments, [], [], out=out)
    checked_path(arguments.data, "PATH")
    folder, result = train_her2st(arguments.data, **given(arguments, TRAIN.arguments), say=console.say)
    record = {"outputs": [str(folder)], "sections": result.metrics.to_dict("records")}
    table = result.metrics[["section", "n", "prevalence", "auc", "ap", "f1", "ece"]].to_string(
        index=False, float_format="{:.3f}".format
    )
    return Outcome(record, f"{table}\nThe model is in {folder}; its card is {folder / 'README.md'}")


TRAIN = Command(
    "train-her2st",
    "fit a breast model on your copy of her2st, with held-out figures on its card",
    "",
    OPTIONS,
    _fill,
    _train,
    """\
  spacrd train-her2st her2st --out breast
  spacrd train-her2st her2st --out breast --modality expression
""",
)
