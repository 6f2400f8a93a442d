"""``spacrd report``."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from typing import Any

from ._console import Console, Outcome
from ._models import add_model, load_model
from ._options import add_options, given
from ._outputs import add_outputs, plan_outputs
from ._parser import Command
from ._read import add_inputs, find_inputs, read

ARGUMENTS = ("table_key", "library_key", "key", "image_key", "coordinate_system")
CHANGES: Mapping[str, Mapping[str, Any]] = {"key": {"help": "name of the result, --key-added of spacrd score"}}


def _fill(parser: argparse.ArgumentParser) -> None:
    from .. import report

    add_options(add_inputs(parser, "scored sections"), report, ARGUMENTS, **CHANGES)
    add_model(parser, required=False, text="folder of the model that scored, for more facts about it")
    add_outputs(parser, "HTML file to write", required=True)


def _run(arguments: argparse.Namespace, console: Console) -> Outcome:
    sources = find_inputs(arguments)
    targets = plan_outputs(sources, arguments, suffix=".html")
    from .. import report

    model = None if arguments.model is None else load_model(arguments.model)
    keywords = given(arguments, ARGUMENTS)
    for source, target in zip(sources, targets, strict=True):
        data = read(source, arguments, console)
        console.say(f"Writing {target}")
        target.parent.mkdir(parents=True, exist_ok=True)
        report(data, target, model=model, overwrite=arguments.overwrite, **keywords)
    outputs = [str(target) for target in targets]
    return Outcome({"outputs": outputs}, f"Reports are in {', '.join(outputs)}")


COMMAND = Command(
    "report",
    "show scored sections in one HTML file that needs nothing else",
    _fill,
    _run,
    """\
  spacrd report scored.zarr --out report.html
  spacrd report scored.zarr --model model --out report.html --overwrite
  spacrd report scored/*.h5ad --model model --out-dir reports
""",
)
