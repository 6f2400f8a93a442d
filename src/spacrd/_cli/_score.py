"""``spacrd score``."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ._console import Console, Outcome, table_text
from ._inputs import Input
from ._models import add_model, load_model
from ._options import add_options, given
from ._outputs import add_outputs, check_free, plan_outputs, write_data, write_file
from ._parser import Command
from ._read import add_inputs, find_inputs, read

if TYPE_CHECKING:
    import pandas as pd

    from .._sections import ScoredSection

READ = ("table_key", "library_key", "layer")
CALL = ("threshold", "on_mismatch")
NAMES = ("key_added",)
COMPUTED = ("batch_size", "device", "precision")
ARGUMENTS = (*READ, *CALL, *NAMES, *COMPUTED)


def _threshold(text: str) -> str | float:
    try:
        return float(text)
    except ValueError:
        return text


CHANGES: Mapping[str, Mapping[str, Any]] = {
    "threshold": {"type": _threshold, "metavar": "gmm|NUMBER"},
    "key_added": {"metavar": "NAME"},
}


def _fill(parser: argparse.ArgumentParser) -> None:
    from ..tl import score

    reading = add_inputs(parser, "sections to score", folders=True)
    add_model(parser, required=True, text="folder of the model")
    add_options(reading, score, READ, **CHANGES)
    add_options(parser.add_argument_group("calling"), score, CALL, **CHANGES)
    writing = add_outputs(parser)
    writing.add_argument("--csv", metavar="FILE", help="table of all spots to write: place, likelihood, region")
    add_options(writing, score, NAMES, **CHANGES)
    add_options(parser.add_argument_group("computing"), score, COMPUTED, **CHANGES)


def _run(arguments: argparse.Namespace, console: Console) -> Outcome:
    sources = find_inputs(arguments)
    targets = plan_outputs(sources, arguments)
    csv = None if arguments.csv is None else Path(arguments.csv).expanduser()
    if csv is not None:
        check_free(csv, overwrite=arguments.overwrite)
    elif not targets:
        raise ValueError("Nothing would be written. Name a place with --out, --out-dir or --csv.")
    from .._sections import Selection, scored_sections
    from ..tl import score

    model = load_model(arguments.model)
    rows: list[dict[str, Any]] = []
    tables: list[pd.DataFrame] = []
    selection = Selection(table_key=arguments.table_key, library_key=arguments.library_key)
    for number, source in enumerate(sources):
        data = read(source, arguments, console)
        console.say(f"Scoring {source.given}")
        score(data, model, **given(arguments, ARGUMENTS))
        for scored in scored_sections(data, arguments.key_added, selection):
            rows.append(_row(source, scored))
            if csv is not None:
                tables.append(_spots(source, scored))
        if targets:
            console.say(f"Writing {targets[number]}")
            write_data(data, targets[number], source, [arguments.table_key])
    outputs = [str(target) for target in targets]
    if csv is not None:
        import pandas as pd

        write_file(csv, lambda path: pd.concat(tables).to_csv(path, index=False))
        outputs.append(str(csv))
    shown = ["section", "verdict", "n_scored", "share_cancer", "share_uncertain", "expected_share", "threshold"]
    text = f"{table_text(rows, shown)}\nScores are in {', '.join(outputs)}"
    return Outcome({"outputs": outputs, "model": model.id, "sections": rows}, text)


def _row(source: Input, scored: ScoredSection) -> dict[str, Any]:
    """One section: what was recorded of it, and the shares of its scored spots."""
    from .._keys import CANCER, UNCERTAIN

    n = np.isfinite(scored.likelihood).sum()
    shares = {
        f"share_{region}": float((scored.region == region).sum() / n) if n else float("nan")
        for region in (CANCER, UNCERTAIN)
    }
    return {"input": source.given, "section": scored.section.name, **shares, **scored.report}


def _spots(source: Input, scored: ScoredSection) -> pd.DataFrame:
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


COMMAND = Command(
    "score",
    "score every spot with the likelihood of cancer and call regions",
    _fill,
    _run,
    """\
  spacrd score patches.zarr --model model --out scored.zarr
  spacrd score patches.h5ad --model model --csv spots.csv --json
  spacrd score one.h5ad two.h5ad --model model --out-dir scored --threshold 0.5
""",
)
