"""A breast model from a user's own copy of her2st, with a card that says how good it is and where it is not."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from . import __version__
from ._checks import quote_names
from ._files import replacing
from ._keys import MODALITY_TITLES

if TYPE_CHECKING:
    from spatialdata import SpatialData

    from .tl import CrossValidation

LABEL = "pathologist"
POSITIVE = ("invasive cancer", "cancer in situ")
UNSURE = ("undetermined", "unmatched")
LABELLED = ("A1", "B1", "C1", "D1", "E1", "F1", "G2", "H1")
"""Sections that a pathologist annotated, one of each patient."""
_TEXT = """
## Data

HER2-positive breast tumours on legacy Spatial Transcriptomics (spots of 100 um, 200 um apart): Andersson et al., Nat
Commun 12, 6012 (2021), <https://doi.org/10.5281/zenodo.4751624>. Fitted on the sections that a pathologist annotated
({names}, one of each patient), by {title}. Cancer is {positive}; undetermined spots were unlabelled.

## Held-out figures

Each patient was scored by a model of the others (`spacrd train-her2st`, spacrd {version}, one seed). AUC and AP rank
the spots of a section; F1 is at the threshold that was chosen without labels; ECE is the error of calibration.

| section | spots | prevalence | AUC | AP | F1 | ECE |
|---|---|---|---|---|---|---|
{figures}

## Limits

- {n} patients of one study, all with HER2-positive breast cancer. Other subtypes, organs and laboratories were not
  tested.
- Spots of 100 um. On Visium, Visium HD and Xenium, annotate some spots and compare before you use the scores.
- No healthy section was among the training sections.
- A section that is less similar to the training data gets a warning when it is scored. Treat its likelihoods
  with caution.
"""
SHOWN = ("n", "prevalence", "auc", "ap", "f1", "ece")


def train_her2st(
    data: str | os.PathLike[str],
    out: str | os.PathLike[str],
    *,
    modality: Literal["expression"] | None = None,
    encoder: str = "handcrafted",
    overwrite: bool = False,
    say: Callable[[str], None] = print,
) -> tuple[Path, CrossValidation]:
    """Fit a model on the annotated sections of her2st, score each patient out of fold, and save both as a model folder.

    Parameters
    ----------
    data
        Folder of the study, as :func:`spacrd.datasets.her2st` reads it.
    out
        Model folder to write.
    modality
        Use expression alone; by default image and expression if every annotated section has an image.
    encoder
        Encoder of the patches.
    overwrite
        Replace a model that is there.
    say
        Where lines of progress go.

    Returns
    -------
    The folder, and the out-of-fold likelihoods with their metrics.

    Raises
    ------
    FileNotFoundError
        If there is no such folder, or it has no annotated sections of two patients.
    """
    from .model import free_place
    from .pp import extract_patches
    from .tl import cross_validate, fit

    folder = Path(out).expanduser()
    free_place(folder, overwrite=overwrite)
    say("1/4  Read the annotated sections")
    sections = _read(Path(data).expanduser())
    if modality is None and not all(section.images for section in sections.values()):
        modality = "expression"
    title = MODALITY_TITLES[modality or "image+expression"]
    say(f"     {', '.join(sections)}: {title}")
    if modality is None:
        say(f"2/4  Embed patches with {encoder}")
        extract_patches(list(sections.values()), encoder=encoder)
    else:
        say("2/4  No patches")
    say("3/4  Score each patient with a model of the others")
    patients = {name: name[0] for name in sections}
    result = cross_validate(
        list(sections.values()), LABEL, positive=POSITIVE, group_key=patients, baselines=False, modality=modality
    )
    say("4/4  Fit on all")
    model = fit(list(sections.values()), LABEL, positive=POSITIVE, modality=modality)
    model.save(folder, overwrite=overwrite)
    card = folder / "README.md"
    text = card.read_text(encoding="utf-8") + _card(list(sections), title, result)
    with replacing(card) as unfinished:
        unfinished.write_text(text, encoding="utf-8")
    return folder, result


def _read(folder: Path) -> dict[str, SpatialData]:
    """Read the annotated sections that the folder has; spots that the pathologist left open are unlabelled."""
    from .datasets import her2st

    sections = {}
    for name in LABELLED:
        try:
            section = her2st(folder, name)
        except ValueError:  # no such section in this copy
            continue
        obs = section["table"].obs
        if LABEL in obs:
            labels = obs[LABEL].astype(object)
            obs[LABEL] = labels.where(~labels.isin(UNSURE)).astype("category")
            sections[name] = section
    if len(sections) < 2:
        raise FileNotFoundError(
            f"{str(folder)!r} has {quote_names(sections)} of the annotated sections {quote_names(LABELLED)}, and a "
            "model needs two patients at least. Get their counts, spots and labels as the page on data says."
        )
    return sections


def _card(names: list[str], title: str, result: CrossValidation) -> str:
    """Write what the card of any model does not say: data, held-out figures, limits."""
    rows = result.metrics.set_index("section")[list(SHOWN)]
    figures = [f"| {name} | " + " | ".join(_number(value) for value in row) + " |" for name, *row in rows.itertuples()]
    mean = " | ".join(_number(value) for value in rows.drop(columns="n").mean())
    return _TEXT.format(
        names=", ".join(names),
        title=title,
        positive=" and ".join(POSITIVE),
        version=__version__,
        figures="\n".join([*figures, f"| mean | | {mean} |"]),
        n=len(names),
    )


def _number(value: float) -> str:
    return f"{value:.3f}" if isinstance(value, float) else str(value)
