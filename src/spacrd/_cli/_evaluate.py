"""``spacrd evaluate``."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from typing import Any

from ._console import Console, Outcome, table_text
from ._options import add_options, given
from ._parser import Command
from ._read import add_inputs, find_inputs, read

READ = ("table_key", "library_key", "key")
LABELS = ("label_key", "positive", "ignore")
ARGUMENTS = (*READ, *LABELS)
CHANGES: Mapping[str, Mapping[str, Any]] = {
    "key": {"help": "name of the result, --key-added of spacrd score"},
    "positive": {
        "action": "append",
        "metavar": "CLASS",
        "help": "class that counts as cancer, every other one counts as normal; repeat it for several",
    },
    "ignore": {
        "action": "append",
        "metavar": "CLASS",
        "default": None,
        "help": "class that is left out, such as undetermined; repeat it for several",
    },
}


def _fill(parser: argparse.ArgumentParser) -> None:
    from ..metrics import evaluate

    add_options(add_inputs(parser, "scored sections with labels"), evaluate, READ, **CHANGES)
    add_options(parser.add_argument_group("labels"), evaluate, LABELS, **CHANGES)


def _run(arguments: argparse.Namespace, console: Console) -> Outcome:
    sources = find_inputs(arguments)
    from ..metrics import evaluate

    keywords = given(arguments, ARGUMENTS)
    keywords["ignore"] = arguments.ignore or ()
    rows = []
    for source in sources:
        frame = evaluate(read(source, arguments, console), **keywords)
        rows += [{"input": source.given, **row} for row in frame.reset_index().to_dict("records")]
    left = ["input"] if len(sources) > 1 else []
    columns = [name for name in rows[0] if name != "input"]
    return Outcome({"sections": rows}, table_text(rows, left + columns), asked=True)


COMMAND = Command(
    "evaluate",
    "compare scored sections with their labels",
    _fill,
    _run,
    """\
  spacrd evaluate scored.zarr --label-key pathologist --positive "invasive cancer"
  spacrd evaluate *.h5ad --label-key class --positive tumour --ignore undetermined --json > metrics.json
""",
)
