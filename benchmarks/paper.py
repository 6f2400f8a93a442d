"""The protocols of the paper's Tables 1 to 5 on the sections that you have, beside the published figures.

    python -m benchmarks.paper PATH                                          # Tables 1 and 2: the whole model
    python -m benchmarks.paper PATH --variants "image only" "without *"      # Table 4
    python -m benchmarks.paper PATH --variants "alpha *" "beta *" "gamma *" "* neighbours"    # Table 5
    python -m benchmarks.paper PATH --encoder uni --weights FILE --seeds 0 1 2 3 4            # Table 3: one extractor

PATH holds ``her2st``, the folder of the breast sections (see docs/data.md; STHBC_A to STHBC_H are A1 B1 C1 D1 E1 F1 G2
H1), and files that you made: ``CRC_A1.h5ad`` to ``CRC_G2.h5ad``, ``ViHBC.h5ad``, ``XeHBC.h5ad``, ``IDC.h5ad``,
with ``.obs["cancer"]``: cancer, other, undetermined or NaN. STHBC and CRC: one section left out. ViHBC, XeHBC
and IDC: fitted on STHBC. What is absent is named, and means are over what is there. Sections are read with images if
all of a cohort have one, by expression alone otherwise. Variants are those of ``benchmarks.ablations``.

"F1, paper's cut" calls as many spots as are cancer: it uses labels of the scored section, and stands here only to be
compared with the paper. ``undetermined`` counts as not cancer, as in the paper.
"""

from __future__ import annotations

import argparse
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import anndata as ad
import numpy as np
import pandas as pd
from benchmarks.ablations import ABLATIONS, RECIPES, Ablation, changed
from benchmarks.sections import HERE, IMAGE_REP, read

import spacrd

COHORTS = {
    "STHBC": dict(zip("ABCDEFGH", "A1 B1 C1 D1 E1 F1 G2 H1".split(), strict=True)),
    "CRC": {name: name for name in "A1 A2 B1 B2 C1 C2 D1 D2 E1 E2 G1 G2".split()},
}
ELSEWHERE = ("ViHBC", "XeHBC", "IDC")
PAPER = pd.read_csv(HERE / "paper_figures.csv", index_col="what")
"""SpaCRD, section by section (Tables 1 and 2); means over datasets of its variants and encoders (Tables 3 to 5)."""


def find(root: Path, name: str, options: argparse.Namespace) -> Any:
    """Read the table of a section, with patches if it has an image; None if the section is absent."""
    cohort, _, letter = name.partition("_")
    if cohort == "STHBC":
        if not any((root / "her2st").rglob(f"{COHORTS[cohort][letter]}.tsv*")):  # its counts
            return None
        section = read(COHORTS[cohort][letter], root / "her2st")
        table, images = section["table"], list(section.images)
    elif not (file := root / f"{name}.h5ad").exists():
        return None
    else:
        section = table = ad.read_h5ad(file)
        images = [entry for entry in table.uns.get("spatial", {}).values() if entry.get("images")]
    if images and options.modality != "expression" and IMAGE_REP not in table.obsm:
        spacrd.pp.extract_patches(section, encoder=options.encoder, weights=options.weights, key_added=IMAGE_REP)
    table.uns.pop("spatialdata_attrs", None)
    return table


def arguments_of(tables: list[Any], ablation: Ablation, options: argparse.Namespace) -> dict[str, Any]:
    """Arguments of the fit: the image is read if all sections have one."""
    recipe = changed(RECIPES[options.recipe], ablation, options.quick)
    found = {"label_key": "cancer", "positive": "cancer", "recipe": recipe, "modality": options.modality}
    found |= ablation.fit
    if not all(IMAGE_REP in table.obsm for table in tables):
        found["modality"] = "expression"
    return found if found["modality"] == "expression" else found | {"image_rep": IMAGE_REP}


def metrics(label: pd.Series, likelihood: pd.Series) -> dict[str, float]:
    """AUC and AP, and F1 if as many spots are called as are cancer."""
    kept = label.notna().to_numpy()
    cancer, score = (label[kept] == "cancer").to_numpy(), likelihood[kept].to_numpy(np.float64)
    found = spacrd.metrics.scores(cancer, score, score >= np.quantile(score, 1 - cancer.mean()))
    return {name: found[name] for name in ("auc", "ap", "f1")}


def run(there: dict[str, Any], cohort: str, ablation: Ablation, options: argparse.Namespace) -> list[dict[str, Any]]:
    """Score each section by a model of the others, those elsewhere by one of STHBC; a row for each and each seed."""
    if cohort == "elsewhere":
        train, rows = [there[name] for name in there if name.startswith("STHBC")], []
        for name in (name for name in ELSEWHERE if name in there):
            arguments = arguments_of([*train, there[name]], ablation, options)
            for seed in options.seeds:
                model = spacrd.tl.fit(train, seed=seed, **arguments)
                obs = spacrd.tl.score(there[name], model, copy=True, on_mismatch="warn", on_shift="warn").obs
                rows.append({"section": name, **metrics(obs["cancer"], obs["spacrd_likelihood"])})
        return rows
    names = [name for name in there if name.startswith(cohort)]
    sections = [there[name] for name in names]
    arguments = {"baselines": False, "seeds": options.seeds, **arguments_of(sections, ablation, options)}
    found = spacrd.tl.cross_validate(sections, n_jobs=options.jobs, **arguments)
    order = dict(zip(dict.fromkeys(found.likelihoods["section"]), names, strict=True))
    groups = found.likelihoods.groupby(["section", "seed"], sort=False, observed=True)
    return [{"section": order[name], **metrics(part["label"], part["likelihood"])} for (name, _), part in groups]


def report(rows: pd.DataFrame, cohort: str, variant: str) -> str:
    """Markdown of one cohort: every section beside the paper, means over the sections that are there."""
    names = ELSEWHERE if cohort == "elsewhere" else tuple(f"{cohort}_{letter}" for letter in COHORTS[cohort])
    ours = rows.groupby("section", sort=False)[["auc", "ap", "f1"]].mean()
    paper = PAPER.reindex(ours.index if variant == "whole model" else [])
    both = pd.concat([ours, paper.add_prefix("paper ")], axis=1)
    both.loc["mean of these"] = both.mean()
    head = "AUC | AP | F1, paper's cut (uses labels) | AUC, paper | AP, paper | F1, paper"
    lines = [f"### {cohort}, {variant}\n", f"| section | {head} |", "|---|---|---|---|---|---|---|"]
    lines += [f"| {name} | " + " | ".join(f"{v:.3f}" for v in row) + " |" for name, row in both.iterrows()]
    lines.append(f"\nSections of the protocol that are here: {len(ours)} of {len(names)}.")
    if absent := [name for name in names if name not in ours.index]:
        lines.append(f"**Absent: {', '.join(absent)}**; nothing was fitted on them, and they are in no mean of ours.")
    prefix = "CRC" if cohort == "CRC" else "breast"
    if f"{prefix}, {variant}" in PAPER.index:
        datasets = "twelve of CRC" if prefix == "CRC" else "eleven: STHBC, ViHBC, XeHBC, IDC"
        means = " / ".join(f"{value:.3f}" for value in PAPER.loc[f"{prefix}, {variant}"])
        lines.append(f"In the paper, mean AUC / AP / F1 of this variant over its datasets ({datasets}): {means}.")
    return "\n".join(lines).replace("nan", "-") + "\n"


def parse(argv: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("path", type=Path)
    parser.add_argument("--recipe", default="published", choices=list(RECIPES))
    parser.add_argument("--variants", nargs="*", default=["whole model"], help="names, with wildcards")
    parser.add_argument("--modality", choices=["image", "expression"])
    parser.add_argument("--encoder", default="handcrafted")
    parser.add_argument("--weights", help="file of the encoder's weights")
    parser.add_argument("--seeds", nargs="*", type=int, default=[0])
    parser.add_argument("--quick", action="store_true", help="a tenth of the epochs")
    parser.add_argument("--jobs", type=int, default=1, help="processes")
    return parser.parse_args(argv)


def main(argv: list[str] | None = None) -> None:
    options = parse(argv)
    names = [f"{cohort}_{letter}" for cohort, letters in COHORTS.items() for letter in letters] + list(ELSEWHERE)
    there = {name: section for name in names if (section := find(options.path, name, options)) is not None}
    if not there:
        raise SystemExit(f"{options.path} holds none of the paper's sections, such as her2st or {names[8]}.h5ad.")
    for variant in (name for name in ABLATIONS if any(fnmatch(name, pattern) for pattern in options.variants)):
        for cohort in (*COHORTS, "elsewhere"):
            train = [name for name in there if name.startswith(cohort.replace("elsewhere", "STHBC"))]
            scored = [name for name in there if name.startswith(ELSEWHERE if cohort == "elsewhere" else cohort)]
            if len(train) < 2 or not scored:
                print(f"### {cohort}, {variant}\n\nNot run: {len(train)} sections to fit on, {len(scored)} to score.\n")
                continue
            print(report(pd.DataFrame(run(there, cohort, ABLATIONS[variant], options)), cohort, variant), flush=True)


if __name__ == "__main__":
    main()
