"""Demo of the whole analysis: read sections, embed patches, fit, score a new section, evaluate, draw, save."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from . import __version__
from ._checks import check_key, quote_names
from ._keys import MODALITY_TITLES

if TYPE_CHECKING:
    import pandas as pd
    from spatialdata import SpatialData

MARKER = "spacrd-demo.json"
LABEL = "pathologist"
POSITIVE = ("invasive cancer", "cancer in situ")
UNSURE = ("undetermined", "unmatched")
LABELLED = ("A1", "B1", "C1", "D1", "E1", "F1", "G2", "H1", "A2", "B4", "C2", "C3")
"""Sections of her2st that may have labels: the first eight a pathologist's, the others proxy labels."""


@dataclass(frozen=True)
class DemoData:
    """Sections of the demo: those to learn from, the one to score, and by which modality."""

    sources: dict[str, SpatialData]
    target_name: str
    target: SpatialData
    modality: Literal["expression"] | None
    statement: str
    """What the sections are, printed before and written beside the results."""


def simulated_data(seed: int) -> DemoData:
    """Simulate three sections, two to learn from."""
    from .datasets import toy_visium

    sections = {f"toy_{i}": toy_visium(library_id=f"toy_{i}", seed=3 * seed + i) for i in (1, 2, 3)}
    target = sections.pop("toy_3")
    statement = (
        "SIMULATED DATA: images, counts and labels of these sections are made up. "
        "The figures show that the program works; they say nothing about real tissue."
    )
    return DemoData(sections, "toy_3", target, None, statement)


def real_data(folder: Path, target: str) -> DemoData:
    """Read labelled sections of her2st: those of other patients to learn from, and the target to score.

    With images if the target and at least one other have one, else from expression alone.
    """
    from .datasets import her2st

    check_key(target, LABELLED, "labelled section", hint="Name one with --target.")
    held_out = her2st(folder, target)
    others = [name for name in LABELLED if name[0] != target[0]]
    labelled = {name: section for name in others if (section := _read_labelled(folder, name)) is not None}
    sources = {name: section for name, section in labelled.items() if section.images} if held_out.images else {}
    modality: Literal["expression"] | None = None
    if not sources:
        sources = {name: section for name, section in labelled.items() if LABEL in section.tables["table"].obs}
        modality = "expression"
    if not sources:
        raise FileNotFoundError(
            f"{folder} has no labelled section of another patient: looked for {quote_names(others)}."
        )
    proxies = [name for name in (*sources, target) if LABEL not in {**sources, target: held_out}[name]["table"].obs]
    statement = (
        f"Real sections (her2st, {folder}): fitted on {', '.join(sources)}, scored {target}, whose patient the fit "
        f"never saw, by {MODALITY_TITLES[modality or 'image+expression']}. "
        + (f"The labels of {', '.join(proxies)} are PROXY labels, not a pathologist's. " if proxies else "")
        + f"Spots labelled {quote_names(UNSURE)} are unlabelled in the fit and left out of the metrics."
    )
    return DemoData(sources, target, held_out, modality, statement)


def _read_labelled(folder: Path, section: str) -> SpatialData | None:
    """Read a section with labels; None if the folder lacks it."""
    from .datasets import her2st

    try:
        sdata = her2st(folder, section)
    except (FileNotFoundError, ValueError):
        return None
    return sdata if _label_column(sdata) is not None else None


def _label_column(sdata: SpatialData) -> str | None:
    """Return the column of the pathologist's labels, else of proxy labels, else None."""
    obs = sdata.tables["table"].obs
    return next((name for name in (LABEL, "proxy_label") if name in obs), None)


def check_output(out: Path, *, overwrite: bool) -> None:
    """Refuse to write among files that are not of an earlier demo."""
    if out.exists() and not out.is_dir():
        raise FileExistsError(f"{out} is a file, not a folder: choose another folder with --out.")
    if out.is_dir() and any(out.iterdir()) and not (out / MARKER).is_file() and not overwrite:
        raise FileExistsError(
            f"{out} is not empty and was not made by this demo: choose another folder with --out, or allow replacing "
            "files of the same names in it with --overwrite."
        )


def publish(made: Path, out: Path) -> None:
    """Move finished results into ``out``; what has the same name there is replaced, all else is left alone."""
    out.mkdir(parents=True, exist_ok=True)
    for item in sorted(made.iterdir()):
        old = out / item.name
        if old.is_dir() and not old.is_symlink():
            shutil.rmtree(old)
        elif old.exists():
            old.unlink()
        os.replace(item, old)


def _hide_unsure(sdata: SpatialData) -> None:
    """Copy the labels without the unsure ones to a column of their own."""
    obs = sdata.tables["table"].obs
    given = obs[_label_column(sdata) or LABEL]
    obs["label"] = given.where(~given.isin(UNSURE))


def _scores_table(target: SpatialData, name: str) -> pd.DataFrame:
    table = target.tables["table"]
    frame = table.obs[["label", "spacrd_likelihood", "spacrd_uncertainty", "spacrd_region"]].copy()
    frame.insert(0, "section", name)
    frame.insert(1, "x", table.obsm["spatial"][:, 0])
    frame.insert(2, "y", table.obsm["spatial"][:, 1])
    return frame.rename_axis(index="spot")


def run(demo_data: DemoData, folder: Path, *, seed: int, say: Callable[[str], None]) -> pd.DataFrame:
    """Run the analysis, write everything into ``folder`` and return the metrics."""
    import spacrd

    use_image = demo_data.modality != "expression"
    sections = [*demo_data.sources.values(), demo_data.target]
    if use_image:
        say("1/4  Patches around every spot, embedded with the handcrafted encoder")
        for sdata in sections:
            spacrd.pp.extract_patches(sdata, encoder="handcrafted")
    else:
        say(f"1/4  No patches: {MODALITY_TITLES['expression']}")
    say(f"2/4  Fit on {', '.join(demo_data.sources)}")
    for sdata in sections:
        _hide_unsure(sdata)
    model = spacrd.tl.fit(
        list(demo_data.sources.values()),
        "label",
        positive=list(POSITIVE),
        modality=demo_data.modality,
        seed=seed,
    )
    model.save(folder / "model")
    say(f"3/4  Score {demo_data.target_name}")
    spacrd.tl.score(demo_data.target, model)
    metrics = spacrd.metrics.evaluate(demo_data.target, "label", positive=list(POSITIVE))
    say("4/4  Draw and save")
    spacrd.pl.likelihood(demo_data.target, save=folder / "likelihood.png")
    spacrd.pl.distribution(demo_data.target, save=folder / "distribution.png")
    _scores_table(demo_data.target, demo_data.target_name).to_csv(folder / "scores.csv")
    metrics.to_csv(folder / "metrics.csv")
    demo_data.target.write(folder / "section.zarr")
    return metrics


def demo(
    out: str | os.PathLike[str] = "spacrd-demo",
    *,
    data: str | os.PathLike[str] | None = None,
    target: str = "A1",
    seed: int = 0,
    overwrite: bool = False,
    say: Callable[[str], None] = print,
) -> Path:
    """Run the demo and return the folder with its results.

    Parameters
    ----------
    out
        Folder for the results. Nothing is written there before all is done.
    data
        Folder of the real her2st sections; simulated sections by default.
    target
        Real section to score.
    seed
        Seed of simulation and training.
    overwrite
        Whether to write into a folder that holds other files.
    say
        Where lines of progress go.

    Returns
    -------
    The folder, absolute.
    """
    import matplotlib

    folder = Path(out).expanduser().resolve()
    check_output(folder, overwrite=overwrite)
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{folder.name}-", dir=folder.parent) as temporary:
        say("Reading sections")
        demo_data = simulated_data(seed) if data is None else real_data(Path(data), target)
        say(f"\n{demo_data.statement}\n")
        made = Path(temporary) / "results"
        made.mkdir()
        with matplotlib.rc_context({"backend": "Agg"}):
            metrics = run(demo_data, made, seed=seed, say=say)
        facts = {"spacrd": __version__, "seed": seed, "sections": demo_data.statement, "positive": list(POSITIVE)}
        (made / MARKER).write_text(json.dumps(facts, indent=2) + "\n")
        publish(made, folder)
    say(f"\n{metrics.round(3).T.to_string()}\n")
    say(f"{demo_data.statement}\n")
    say(f"Results are in {folder}")
    for name, what in CONTENTS:
        say(f"  {name:<17} {what}")
    return folder


CONTENTS: Sequence[tuple[str, str]] = (
    ("likelihood.png", "cancer map of the scored section"),
    ("distribution.png", "its likelihoods and the threshold, which no label went into"),
    ("scores.csv", "likelihood, uncertainty and called region of every spot"),
    ("metrics.csv", "agreement with the labels"),
    ("model/", "the fitted model: spacrd.SpaCRD.load"),
    ("section.zarr/", "the scored section: spatialdata.read_zarr"),
)
