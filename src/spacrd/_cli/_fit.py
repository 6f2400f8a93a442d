"""``spacrd fit``."""

from __future__ import annotations

import argparse
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ._console import Console, Outcome
from ._options import add_options, given
from ._outputs import check_writable
from ._parser import Command
from ._read import add_inputs, find_inputs, read_all

if TYPE_CHECKING:
    from ..model import SpaCRD

READ = ("table_key", "library_key", "layer", "image_rep")
LABELS = ("label_key", "positive", "negative")
MODEL = ("recipe", "modality", "genes", "n_top_genes", "n_neighbors", "max_distance", "scaling", "members")
TRAINING = ("max_epochs", "batch_size", "lr", "seed", "device", "precision", "devices", "strategy")
ARGUMENTS = (*READ, *LABELS, *MODEL, *TRAINING)
CHANGES: Mapping[str, Mapping[str, Any]] = {
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


def _fill(parser: argparse.ArgumentParser) -> None:
    from ..tl import fit

    add_options(add_inputs(parser, "annotated sections"), fit, READ, **CHANGES)
    add_options(parser.add_argument_group("labels"), fit, LABELS, **CHANGES)
    group = parser.add_argument_group("what is written")
    group.add_argument("--out", required=True, metavar="DIR", help="folder of the model to write")
    group.add_argument("--overwrite", action="store_true", help="replace a model that is there")
    add_options(parser.add_argument_group("model"), fit, MODEL, **CHANGES)
    add_options(parser.add_argument_group("training"), fit, TRAINING, **CHANGES)


def _read_genes(given: str) -> list[str]:
    path = Path(given).expanduser()
    if not path.is_file():
        raise FileNotFoundError(f"There is no file of genes {given!r}. Expected one name a line.")
    genes = [line.strip() for line in path.read_text(encoding="utf-8").splitlines()]
    return [gene for gene in genes if gene]


def _run(arguments: argparse.Namespace, console: Console) -> Outcome:
    from ..model._io._folder import free_place
    from ..tl import fit

    # Lightning runs this program once more for each further device. They train along; the first alone speaks and saves.
    further = arguments.devices > 1 and os.environ.get("LOCAL_RANK", "0") != "0"
    console.quiet = console.quiet or further
    out = Path(arguments.out).expanduser()
    free_place(out, overwrite=arguments.overwrite)
    check_writable(out)
    sources = find_inputs(arguments)
    keywords = given(arguments, ARGUMENTS)
    if arguments.genes is not None:
        keywords["genes"] = _read_genes(arguments.genes)
    sections = read_all(sources, arguments, console)
    console.say("Fitting")
    model = fit(sections, **keywords)
    if further:
        raise SystemExit(0)
    model.save(out, overwrite=arguments.overwrite)
    record = _summary(model)
    text = "\n".join(f"{name:<20}{value}" for name, value in record.items())
    return Outcome({"outputs": [str(out)], "model": record}, f"{text}\nThe model is in {out}")


def _summary(model: SpaCRD) -> dict[str, Any]:
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


COMMAND = Command(
    "fit",
    "fit a model on annotated sections",
    _fill,
    _run,
    """\
  spacrd fit one.zarr two.zarr --label-key pathologist --positive "invasive cancer" --out model
  spacrd fit *.h5ad --label-key pathologist --positive invasive --positive "in situ" --modality expression --out model
""",
)
