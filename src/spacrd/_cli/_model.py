"""Commands that make or use a model: ``spacrd fit`` and ``spacrd score``."""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from .._files import checked_path
from ._apart import check_apart
from ._console import Console, Outcome, table_text
from ._each import for_each, outcome_of
from ._inputs import Input, add_inputs, add_model, find_inputs, load_model, read
from ._options import Changes, add_options, given
from ._outputs import add_outputs, check_writable, plan_outputs, table_place, write_data, write_table
from ._parser import Command

if TYPE_CHECKING:
    import pandas as pd

    from .._sections import ScoredSection
    from ..model import SpaCRD

FIT_READS = ("table_key", "library_key", "layer", "image_rep")
LABELS = ("label_key", "positive", "negative")
MODEL = ("recipe", "modality", "genes", "n_top_genes", "n_neighbors", "max_distance", "scaling", "members")
TRAINING = ("max_epochs", "batch_size", "lr", "seed", "device", "precision", "devices", "strategy")
FIT_CHANGES: Changes = {
    "image_rep": {"metavar": "KEY", "help": "embedding in .obsm; by default the one that spacrd patches made"},
    "positive": {"action": "append", "metavar": "CLASS", "help": "class that is cancer; repeat it for several"},
    "negative": {
        "action": "append",
        "metavar": "CLASS",
        "help": "class that is not cancer; repeat it for several. Every other class is then unlabelled; by default all "
        "others are not cancer",
    },
    "genes": {"metavar": "FILE", "help": "file of genes to use instead of the most variable ones, one a line"},
    "modality": {"help": "use one alone; by default what the sections have"},
    "recipe": {"metavar": "NAME", "help": "default, or published (the authors' program)"},
}


def _fill_fit(parser: argparse.ArgumentParser) -> None:
    add_options(add_inputs(parser, "annotated sections"), "tl.fit", FIT_READS, FIT_CHANGES)
    add_options(parser.add_argument_group("labels"), "tl.fit", LABELS, FIT_CHANGES)
    group = parser.add_argument_group("output")
    group.add_argument("--out", required=True, metavar="DIR", help="folder of the model to write")
    group.add_argument("--overwrite", action="store_true", help="replace a model that is there")
    add_options(parser.add_argument_group("model"), "tl.fit", MODEL, FIT_CHANGES)
    add_options(parser.add_argument_group("training"), "tl.fit", TRAINING, FIT_CHANGES)


def _fit(arguments: argparse.Namespace, console: Console) -> Outcome:
    from ..model import free_place
    from ..tl import fit

    # Lightning runs this program once more for each further device. They train along; the first alone speaks and saves.
    further = arguments.devices > 1 and os.environ.get("LOCAL_RANK", "0") != "0"
    console.quiet = console.quiet or further
    out = checked_path(arguments.out, "--out")
    free_place(out, overwrite=arguments.overwrite)
    check_writable(out)
    sources = find_inputs(arguments)
    check_apart(arguments, sources, [], out=out)
    keywords = given(arguments, FIT.arguments)
    if arguments.genes is not None:
        keywords["genes"] = read_genes(arguments.genes)
    sections = [read(source, arguments, console) for source in sources]
    console.say("Fitting")
    model = fit(sections, **keywords)
    if further:
        raise SystemExit(0)
    model.save(out, overwrite=arguments.overwrite)
    record = _facts(model)
    text = "\n".join(f"{name:<20}{value}" for name, value in record.items())
    return Outcome({"outputs": [str(out)], "model": record}, f"{text}\nThe model is in {out}")


def read_genes(file: str) -> list[str]:
    """Read a file of genes, one a line."""
    path = Path(file).expanduser()
    if not path.is_file():
        raise FileNotFoundError(f"There is no file of genes {file!r}. Expected one name a line.")
    genes = [line.strip() for line in path.read_text(encoding="utf-8").splitlines()]
    return [gene for gene in genes if gene]


def _facts(model: SpaCRD) -> dict[str, Any]:
    """Return what a user wants to know of a fitted model."""
    config = model.config
    return {
        "id": model.id,
        "recipe": config.recipe,
        "sections": config.n_sections,
        "spots": config.training["n_spots"],
        "labelled": config.training["n_labelled"],
        "positive": config.training["n_positive"],
        "genes": len(config.expression.genes) if config.expression else 0,
        "image": config.image.key if config.image else None,
        "calibrated_on": config.calibration.n_sections,
    }


FIT = Command(
    "fit",
    "fit a model on annotated sections",
    "tl.fit",
    (*FIT_READS, *LABELS, *MODEL, *TRAINING),
    _fill_fit,
    _fit,
    """\
  spacrd fit one.zarr two.zarr --label-key pathologist --positive "invasive cancer" --out model
  spacrd fit *.h5ad --label-key pathologist --positive invasive --positive "in situ" --modality expression --out model
""",
)

SCORE_READS = ("table_key", "library_key", "layer")
CALLING = ("threshold", "expected_share", "on_mismatch", "on_shift")
SCORE_NAMES = ("key_added",)
COMPUTED = ("batch_size", "device", "precision")


def threshold_of(text: str) -> str | float:
    """Read a threshold: a number, or the name of a method."""
    try:
        return float(text)
    except ValueError:
        return text


SCORE_CHANGES: Changes = {
    "threshold": {"type": threshold_of, "metavar": "expected_f1|gmm|otsu|NUMBER"},
    "expected_share": {"type": float, "metavar": "SHARE"},
    "key_added": {"metavar": "NAME"},
}


def _fill_score(parser: argparse.ArgumentParser) -> None:
    inputs = add_inputs(parser, "sections to score", folders=True)
    add_model(parser, required=True, text="folder of the model")
    add_options(inputs, "tl.score", SCORE_READS, SCORE_CHANGES)
    add_options(parser.add_argument_group("calling"), "tl.score", CALLING, SCORE_CHANGES)
    outputs = add_outputs(parser)
    outputs.add_argument(
        "--csv", metavar="FILE", help="table of all spots to write (.csv, .tsv, or with .gz): place, likelihood, region"
    )
    add_options(outputs, "tl.score", SCORE_NAMES, SCORE_CHANGES)
    add_options(parser.add_argument_group("computing"), "tl.score", COMPUTED, SCORE_CHANGES)


def _score(arguments: argparse.Namespace, console: Console) -> Outcome:
    sources = find_inputs(arguments)
    targets = plan_outputs(sources, arguments)
    csv = None if arguments.csv is None else table_place(arguments.csv, overwrite=arguments.overwrite)
    check_apart(arguments, sources, targets, csv=csv)
    if csv is None and not targets:
        raise ValueError("Nothing would be written. Name a place with --out, --out-dir or --csv.")
    from .._sections import Selection, scored_sections
    from ..tl import score

    model = load_model(arguments.model)
    rows: list[dict[str, Any]] = []
    tables: list[pd.DataFrame] = []
    outputs: list[str] = []
    selection = Selection(table_key=arguments.table_key, library_key=arguments.library_key)

    def score_one(number: int, source: Input) -> None:
        data = read(source, arguments, console)
        console.say(f"Scoring {source.given}")
        score(data, model, **given(arguments, SCORE.arguments))
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
    (*SCORE_READS, *CALLING, *SCORE_NAMES, *COMPUTED),
    _fill_score,
    _score,
    """\
  spacrd score patches.zarr --model model --out scored.zarr
  spacrd score patches.h5ad --model model --csv spots.csv --json
  spacrd score one.h5ad two.h5ad --model model --out-dir scored --threshold 0.5
  spacrd score *.zarr --model model --out "scored/{name}_scored.zarr" --csv spots.csv
""",
)
