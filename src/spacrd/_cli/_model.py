"""The command that makes a model: ``spacrd fit``."""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .._files import checked_path
from ._apart import check_apart
from ._console import Console, Outcome
from ._inputs import add_inputs, find_inputs, read
from ._options import Changes, add_options, given
from ._outputs import check_writable
from ._parser import Command

if TYPE_CHECKING:
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
