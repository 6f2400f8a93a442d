"""Commands that compare methods: ``spacrd rivals`` and ``spacrd cross-validate``."""

from __future__ import annotations

import argparse

from .._files import checked_path
from ._apart import check_apart
from ._console import Console, Outcome, table_text
from ._inputs import add_inputs, find_inputs, read
from ._model import FIT_CHANGES, MODEL, TRAINING, read_genes
from ._options import Changes, add_options, given
from ._outputs import table_place, write_table
from ._parser import Command
from ._score import threshold_of

COLUMNS = ("rival", "title", "kind", "modality", "labels", "licence")
"""Columns of the table for people; ``--json`` has all."""


def _fill_rivals(parser: argparse.ArgumentParser) -> None:
    """Add no option."""


def _rivals(arguments: argparse.Namespace, console: Console) -> Outcome:
    from ..rivals import available

    rows = available().reset_index().to_dict("records")
    return Outcome({"rivals": rows}, table_text(rows, COLUMNS), asked=True)


RIVALS = Command(
    "rivals",
    "list the methods that spacrd cross-validate can compare with",
    "rivals.available",
    (),
    _fill_rivals,
    _rivals,
    """\
  spacrd rivals
  spacrd rivals --json > rivals.json
""",
)

READS = ("table_key", "library_key", "layer", "image_rep")
LABELS = ("label_key", "positive", "negative", "ignore")
FOLDS = ("group_key", "baselines", "seeds", "modality", "threshold", "n_jobs", "resume")
FIT = tuple(name for name in (*MODEL, *TRAINING) if name not in ("modality", "seed"))
"""Options of the fit that a cross-validation has not of its own."""
CHANGES: Changes = {
    **FIT_CHANGES,
    "ignore": {
        "action": "append",
        "metavar": "CLASS",
        "default": None,
        "help": "class that is left out of the metrics, such as undetermined; repeat it for several",
    },
    "group_key": {"metavar": "KEY", "help": ".obs column of what to hold out at once, such as the patient"},
    "baselines": {
        "nargs": "*",
        "metavar": "NAME",
        "help": "methods to run in the same folds, see spacrd rivals; by default those that a referee would run first, "
        "without a name none",
    },
    "seeds": {"nargs": "+", "type": int, "metavar": "N"},
    "threshold": {"type": threshold_of, "metavar": "gmm|NUMBER"},
    "n_jobs": {"type": int, "metavar": "N"},
    "resume": {"metavar": "DIR"},
}


def _fill_cross_validate(parser: argparse.ArgumentParser) -> None:
    add_options(add_inputs(parser, "annotated sections"), "tl.cross_validate", READS, CHANGES)
    add_options(parser.add_argument_group("labels"), "tl.cross_validate", LABELS, CHANGES)
    add_options(parser.add_argument_group("folds"), "tl.cross_validate", FOLDS, CHANGES)
    group = parser.add_argument_group("output")
    group.add_argument(
        "--csv",
        metavar="FILE",
        help="table of metrics to write (.csv, .tsv, or with .gz): a row for each method, seed and section",
    )
    group.add_argument("--overwrite", action="store_true", help="replace a table that is there")
    add_options(parser.add_argument_group("model and training"), "tl.fit", FIT, CHANGES)


def _cross_validate(arguments: argparse.Namespace, console: Console) -> Outcome:
    sources = find_inputs(arguments)
    csv = None if arguments.csv is None else table_place(arguments.csv, overwrite=arguments.overwrite)
    resume = None if arguments.resume is None else checked_path(arguments.resume, "--resume")
    check_apart(arguments, sources, [], csv=csv, resume=resume)
    from ..tl import Store, cross_validate

    if resume is not None:
        Store.find(resume)  # before sections are read
    keywords = given(arguments, (*CROSS_VALIDATE.arguments, *FIT))
    keywords["ignore"] = arguments.ignore or ()
    if arguments.genes is not None:
        keywords["genes"] = read_genes(arguments.genes)
    sections = [read(source, arguments, console) for source in sources]
    console.say("Cross-validating")
    result = cross_validate(sections, **keywords)
    outputs = []
    if csv is not None:
        write_table(csv, result.metrics)
        outputs.append(str(csv))
    summary = result.summary().reset_index().to_dict("records")
    record = {"outputs": outputs, "models": summary, "sections": result.metrics.to_dict("records")}
    table = result.per_section().to_string(float_format="{:.3f}".format, na_rep="-")
    written = "".join(f"\nMetrics are in {output}" for output in outputs)
    return Outcome(record, f"{result}\n\nAUC\n{table}{written}", asked=True)


CROSS_VALIDATE = Command(
    "cross-validate",
    "score every section with models that were fitted without it, beside other methods",
    "tl.cross_validate",
    (*READS, *LABELS, *FOLDS),
    _fill_cross_validate,
    _cross_validate,
    """\
  spacrd cross-validate *.zarr --label-key pathologist --positive "invasive cancer" --group-key patient
  spacrd cross-validate *.h5ad --label-key class --positive tumour --baselines depth svm-tuned --csv metrics.csv
""",
)
