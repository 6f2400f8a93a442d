"""Commands that use a model: ``spacrd score`` and ``spacrd adapt``."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

import numpy as np

from ._apart import check_apart
from ._console import Console, Outcome, table_text
from ._each import for_each, outcome_of
from ._inputs import Input, add_inputs, add_model, find_inputs, load_model, read
from ._model import FIT_CHANGES, LABELS
from ._options import Changes, add_options, given
from ._outputs import add_outputs, check_holds, plan_outputs, table_place, write_data, write_table
from ._parser import Command

if TYPE_CHECKING:
    import pandas as pd

    from .._sections import ScoredSection

READS = ("table_key", "library_key", "layer")
CALLING = ("threshold", "expected_share", "on_mismatch", "on_shift")
ADAPTED_CALLING = ("threshold", "on_mismatch")
NAMES = ("key_added",)
COMPUTED = ("batch_size", "device", "precision")


def threshold_of(text: str) -> str | float:
    """Read a threshold: a number, or the name of a method."""
    try:
        return float(text)
    except ValueError:
        return text


CHANGES: Changes = {
    "threshold": {"type": threshold_of, "metavar": "expected_f1|gmm|otsu|NUMBER"},
    "expected_share": {"type": float, "metavar": "SHARE"},
    "key_added": {"metavar": "NAME"},
    "positive": {
        **FIT_CHANGES["positive"],
        "help": "class that is cancer; by default those of the model; repeat it for several",
    },
    "negative": FIT_CHANGES["negative"],
}


def _fill_score(parser: argparse.ArgumentParser) -> None:
    add_options(_add_places(parser, "sections to score", "tl.score"), "tl.score", CALLING, CHANGES)
    add_options(parser.add_argument_group("computing"), "tl.score", COMPUTED, CHANGES)


def _fill_adapt(parser: argparse.ArgumentParser) -> None:
    group = _add_places(parser, "sections with some annotated spots", "tl.adapt")
    add_options(group, "tl.adapt", ADAPTED_CALLING, CHANGES)
    add_options(parser.add_argument_group("labels"), "tl.adapt", LABELS, CHANGES)
    add_options(parser.add_argument_group("computing"), "tl.adapt", COMPUTED, CHANGES)


def _add_places(parser: argparse.ArgumentParser, what: str, call: str) -> argparse._ArgumentGroup:
    """Add inputs, model and outputs; return the group of options for calls."""
    inputs = add_inputs(parser, what, folders=True)
    add_model(parser, required=True, text="folder of the model")
    add_options(inputs, call, READS, CHANGES)
    calling = parser.add_argument_group("calling")
    outputs = add_outputs(parser)
    outputs.add_argument(
        "--csv", metavar="FILE", help="table of all spots to write (.csv, .tsv, or with .gz): place, likelihood, region"
    )
    add_options(outputs, call, NAMES, CHANGES)
    return calling


def _score(arguments: argparse.Namespace, console: Console) -> Outcome:
    return _use_model(arguments, console, SCORE, "Scoring")


def _adapt(arguments: argparse.Namespace, console: Console) -> Outcome:
    return _use_model(arguments, console, ADAPT, "Adapting to the labels of")


def _use_model(arguments: argparse.Namespace, console: Console, command: Command, doing: str) -> Outcome:
    """Run the call of a command on each input, write what was asked for, and show a row for each section."""
    sources = find_inputs(arguments)
    targets = plan_outputs(sources, arguments)
    csv = None if arguments.csv is None else table_place(arguments.csv, overwrite=arguments.overwrite)
    check_apart(arguments, sources, targets, csv=csv)
    if csv is None and not targets:
        raise ValueError("Nothing would be written. Name a place with --out, --out-dir or --csv.")
    from .. import tl
    from .._sections import Selection, scored_sections

    model = load_model(arguments.model)
    rows: list[dict[str, Any]] = []
    tables: list[pd.DataFrame] = []
    outputs: list[str] = []
    selection = Selection(table_key=arguments.table_key, library_key=arguments.library_key)

    def score_one(number: int, source: Input) -> None:
        data = read(source, arguments, console)
        if targets:
            check_holds(data, targets[number], arguments.library_key)
        console.say(f"{doing} {source.given}")
        getattr(tl, command.name)(data, model, **given(arguments, command.arguments))
        sections = scored_sections(data, arguments.key_added, selection)
        if targets:
            console.say(f"Writing {targets[number]}")
            write_data(data, targets[number], source, [arguments.table_key])
            outputs.append(str(targets[number]))
        rows.extend(_section_row(source, scored) for scored in sections)
        if csv is not None:
            tables.extend(_spots(source, scored) for scored in sections)

    failures = for_each(sources, console, score_one)
    if csv is not None and tables:
        import pandas as pd

        write_table(csv, pd.concat(tables))
        outputs.append(str(csv))
    columns = ["section", "verdict", "n_scored", "share_cancer", "share_uncertain", "expected_share", "threshold"]
    columns += ["n_labelled"] if command is ADAPT else []
    text = f"{table_text(rows, columns)}\nScores are in {', '.join(outputs)}"
    return outcome_of({"outputs": outputs, "model": model.id, "sections": rows}, text, failures, len(sources))


def _section_row(source: Input, scored: ScoredSection) -> dict[str, Any]:
    """Return what was recorded of one section, and the shares of its scored spots."""
    from .._keys import CANCER, UNCERTAIN

    n = np.isfinite(scored.likelihood).sum()
    shares = {
        f"share_{region}": float((scored.region == region).sum() / n) if n else float("nan")
        for region in (CANCER, UNCERTAIN)
    }
    return {"input": source.given, "section": scored.section.name, **shares, **scored.report}


def _spots(source: Input, scored: ScoredSection) -> pd.DataFrame:
    """Return a row for each spot of a section."""
    import pandas as pd

    from .._sections import coordinates

    section = scored.section
    xy = coordinates(section)
    return pd.DataFrame(
        {
            "input": source.given,
            "section": section.name,
            "spot": section.table.obs_names[section.rows],
            "x": xy[:, 0],
            "y": xy[:, 1],
            "likelihood": scored.likelihood.astype(np.float32),
            "uncertainty": scored.uncertainty.astype(np.float32),
            "region": scored.region,
        }
    )


SCORE = Command(
    "score",
    "score every spot with the likelihood of cancer and call regions",
    "tl.score",
    (*READS, *CALLING, *NAMES, *COMPUTED),
    _fill_score,
    _score,
    """\
  spacrd score patches.zarr --model model --out scored.zarr
  spacrd score patches.h5ad --model model --csv spots.csv --json
  spacrd score one.h5ad two.h5ad --model model --out-dir scored --threshold 0.5
  spacrd score *.zarr --model model --out "scored/{name}_scored.zarr" --csv spots.csv
""",
)

ADAPT = Command(
    "adapt",
    "score sections with the help of 10 to 50 annotated spots of each",
    "tl.adapt",
    (*READS, *LABELS, *ADAPTED_CALLING, *NAMES, *COMPUTED),
    _fill_adapt,
    _adapt,
    """\
  spacrd adapt annotated.zarr --model model --label-key annotated --out adapted.zarr
  spacrd adapt annotated.h5ad --model model --label-key annotated --positive tumour --csv spots.csv
""",
)
