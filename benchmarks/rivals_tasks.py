"""Tasks of the rivals' table: which sections are fitted on, which are scored, all as arrays."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from benchmarks.sections import DATA, IMAGE_REP, PROTOCOLS, read

import spacrd
from spacrd.features import SectionArrays
from spacrd.rivals._inputs import take

SHARED = DATA.parent
LITE0 = "tf_efficientnet_lite0"
ST_PITCH = 200.0


@dataclass(frozen=True)
class BenchSection:
    """A section, and what the metrics need beside it.

    Attributes
    ----------
    arrays
        Inputs and target: 1 cancer, 0 not cancer (undetermined too, as in the paper), NaN unlabelled.
    undetermined
        Spots that the pathologist left undetermined, (n,) bool.
    proxy
        Whether labels were carried over from a neighbouring section.
    """

    arrays: SectionArrays
    undetermined: np.ndarray
    proxy: bool = False


@dataclass(frozen=True)
class Fold:
    """What is fitted on, and what is scored for which task."""

    name: str
    training: tuple[str, ...]
    held_out: dict[str, str]  # section: task


@dataclass(frozen=True)
class Group:
    """Tasks that share their fits.

    Attributes
    ----------
    sections
        Reads all sections by name.
    folds
        Makes the folds from the names of the sections.
    image, expression
        Which inputs there are.
    """

    sections: Callable[[Path], dict[str, BenchSection]]
    folds: Callable[[], list[Fold]]
    image: bool
    expression: bool


def scratch() -> Path:
    """Folder of runs and embeddings, outside the repository."""
    return Path(os.environ.get("SPACRD_RIVALS") or Path(tempfile.gettempdir()) / "spacrd_rivals")


# her2st


def _her2st(name: str, image: Any = None) -> BenchSection:
    table = read(name)["table"]
    label = table.obs["cancer"].astype(object)
    (scale,) = (entry["scalefactors"] for entry in table.uns["spatial"].values())
    return BenchSection(
        SectionArrays(
            name=name,
            xy=np.asarray(table.obsm["spatial"], dtype=np.float64),
            um_per_unit=100.0 / float(scale["spot_diameter_fullres"]),
            counts=table.X.tocsr(),
            genes=table.var_names.to_numpy().astype(str),
            image=image,
            target=np.where(label.isna(), np.nan, label == "cancer").astype(np.float32),
        ),
        (label == "undetermined").to_numpy(),
        proxy="pathologist" not in table.obs,
    )


def normal_part(section: BenchSection) -> BenchSection:
    """The spots that are not cancer, as a section of their own."""
    rows = section.arrays.target == 0
    arrays = replace(take(section.arrays, rows), name=tumour_free(section.arrays.name))
    return BenchSection(arrays, section.undetermined[rows], section.proxy)


def tumour_free(name: str) -> str:
    return f"{name} without tumour"


def _expression_sections(folder: Path) -> dict[str, BenchSection]:
    sections = {name: _her2st(name) for name in PROTOCOLS["expression"]}
    return sections | {tumour_free(name): normal_part(section) for name, section in sections.items()}


def _expression_folds() -> list[Fold]:
    names = PROTOCOLS["expression"]
    return [
        Fold(
            left,
            tuple(name for name in names if name != left),
            {left: "a: her2st expression", tumour_free(left): "g: tumour-free"},
        )
        for left in names
    ]


def embedding(name: str, encoder: str, folder: Path) -> np.ndarray:
    """Patch embedding of a her2st section, computed once and kept in ``folder``."""
    file = folder / "embeddings" / f"{name}_{encoder}.npy"
    if not file.exists():
        sdata = read(name)
        weights = {"weights": SHARED / "encoders" / f"{LITE0}.safetensors", "patch_um": 224.0}
        options = weights if encoder == LITE0 else {}
        spacrd.pp.extract_patches(sdata, encoder=encoder, key_added=IMAGE_REP, **options)
        file.parent.mkdir(parents=True, exist_ok=True)
        part = file.with_suffix(".part.npy")
        np.save(part, np.asarray(sdata["table"].obsm[IMAGE_REP], dtype=np.float32))
        part.replace(file)
    return np.load(file)


def _image_sections(encoder: str) -> Callable[[Path], dict[str, BenchSection]]:
    def sections(folder: Path) -> dict[str, BenchSection]:
        return {name: _her2st(name, embedding(name, encoder, folder)) for name in PROTOCOLS["multimodal"]}

    return sections


def _image_folds(encoder: str) -> Callable[[], list[Fold]]:
    def folds() -> list[Fold]:
        names, task = PROTOCOLS["multimodal"], f"b: her2st image + expression ({encoder})"
        patients = dict.fromkeys(name[0] for name in names)
        return [
            Fold(
                patient,
                tuple(name for name in names if name[0] != patient),
                {name: task for name in names if name[0] == patient},
            )
            for patient in patients
        ]

    return folds


# Xenium and the pancreatic tumour


def _table(name: str, cancer: Iterable[str]) -> tuple[Any, np.ndarray]:
    import anndata as ad

    table = ad.read_h5ad(SHARED / name / f"{name}.h5ad")
    label = table.obs["region"].astype(object)
    return table, np.where(label.isna(), np.nan, label.isin(list(cancer))).astype(np.float32)


XENIUM_CANCER = ("Invasive Tumor", "DCIS")


def _whole(name: str, table: Any, xy: np.ndarray, target: np.ndarray) -> BenchSection:
    arrays = SectionArrays(
        name=name,
        xy=np.asarray(xy, dtype=np.float64),
        um_per_unit=1.0,
        counts=table.X.tocsr().astype(np.float32),
        genes=table.var_names.to_numpy().astype(str),
        image=None,
        target=target.astype(np.float32),
    )
    return BenchSection(arrays, np.zeros(len(xy), dtype=bool))


def _xenium_cells() -> tuple[BenchSection, np.ndarray]:
    table, target = _table("xenium_idc", XENIUM_CANCER)
    return _whole("Xenium cells", table, table.obsm["spatial"], target), table.obs["quadrant"].to_numpy().astype(str)


def _xenium_spots() -> BenchSection:
    table, _ = _table("xenium_idc", XENIUM_CANCER)
    table.obs["region"] = table.obs["region"].astype(str)
    spots = spacrd.pp.pseudospots(table, diameter_um=55.0, pitch_um=55.0, label_key="region", mpp=1.0)
    label = spots.obs["region"].astype(object)
    target = np.where(label.isna(), np.nan, label.isin(XENIUM_CANCER))
    return _whole("Xenium pseudo-spots", spots, spots.obsm["spatial"], target)


def _pdac() -> BenchSection:
    table, target = _table("pdac_a", ("Cancer",))
    return _whole("PDAC-A", table, table.obsm["spatial_um"], target)


def _parts(whole: BenchSection, part: np.ndarray) -> dict[str, BenchSection]:
    """Parts of a section as sections."""
    return {
        name: BenchSection(replace(take(whole.arrays, part == name), name=name), whole.undetermined[part == name])
        for name in np.unique(part)
    }


def _quadrants(folder: Path) -> dict[str, BenchSection]:
    return _parts(*_xenium_cells())


def _strips(folder: Path) -> dict[str, BenchSection]:
    """Thirds of the spots from left to right."""
    whole = _pdac()
    x = whole.arrays.xy[:, 0]
    cuts = np.quantile(x, [1 / 3, 2 / 3])
    return _parts(whole, np.array(["left", "middle", "right"])[np.searchsorted(cuts, x, side="left")])


def _transfer(folder: Path) -> dict[str, BenchSection]:
    sections = {name: _her2st(name) for name in PROTOCOLS["expression"]}
    others = (_xenium_cells()[0], _xenium_spots(), _pdac())
    return sections | {section.arrays.name: section for section in others}


def _transfer_folds() -> list[Fold]:
    targets = ("Xenium cells", "Xenium pseudo-spots", "PDAC-A")
    return [Fold("all", PROTOCOLS["expression"], {name: f"e: her2st to {name}" for name in targets})]


def _leave_one_out(task: str, names: tuple[str, ...]) -> Callable[[], list[Fold]]:
    return lambda: [Fold(left, tuple(name for name in names if name != left), {left: task}) for left in names]


# The picture of a breast tumour

BLOCKS = tuple(f"row {i} column {j}" for i in range(3) for j in range(3))


def _blocks(folder: Path) -> dict[str, BenchSection]:
    """Nine blocks of about as many spots: thirds from top to bottom, each in thirds from left to right."""
    whole = _block_a(folder)
    x, y = whole.arrays.xy.T
    row = np.searchsorted(np.quantile(y, [1 / 3, 2 / 3]), y, side="left")
    part = np.empty(len(x), dtype=object)
    for i in range(3):
        cuts = np.quantile(x[row == i], [1 / 3, 2 / 3])
        part[row == i] = [f"row {i} column {j}" for j in np.searchsorted(cuts, x[row == i], side="left")]
    return _parts(whole, part.astype(str))


def _block_a(folder: Path) -> BenchSection:
    import json

    from anndata import AnnData
    from PIL import Image

    source = SHARED / "visium_brca_blocka"
    place = pd.read_csv(source / "brca_blockA_tissue_positions_list.csv", header=None, index_col=0)
    label = pd.read_csv(source / "brca_blockA_labels.tsv", sep="\t", index_col=0)["annot_type"]
    place = place.loc[label.index]
    scale = json.loads((source / "brca_blockA_scalefactors_json.json").read_text())
    xy = place[[5, 4]].to_numpy(dtype=np.float64)
    file = folder / "embeddings" / "block-a_handcrafted.npy"
    if not file.exists():
        obs = pd.DataFrame({"array_row": place[2], "array_col": place[3], "in_tissue": 1}, index=label.index)
        section = AnnData(np.ones((len(label), 1), np.float32), obs=obs, obsm={"spatial": xy})
        picture = np.asarray(Image.open(source / "brca_blockA_lowres.png").convert("RGB"))
        section.uns["spatial"] = {"block A": {"images": {"lowres": picture}, "scalefactors": scale}}
        spacrd.pp.extract_patches(section, encoder="handcrafted", key_added=IMAGE_REP)
        file.parent.mkdir(parents=True, exist_ok=True)
        np.save(file, np.asarray(section.obsm[IMAGE_REP], dtype=np.float32))
    arrays = SectionArrays(
        name="block A",
        xy=xy,
        um_per_unit=55.0 / scale["spot_diameter_fullres"],
        counts=None,
        genes=None,
        image=np.load(file),
        target=label.isin(["Invasive", "Tumor"]).to_numpy().astype(np.float32),
    )
    return BenchSection(arrays, np.zeros(len(xy), dtype=bool))


QUADRANTS, STRIPS = ("q00", "q01", "q10", "q11"), ("left", "middle", "right")
GROUPS = {
    "ag": Group(_expression_sections, _expression_folds, image=False, expression=True),
    "b-handcrafted": Group(_image_sections("handcrafted"), _image_folds("handcrafted"), image=True, expression=True),
    "b-lite0": Group(_image_sections(LITE0), _image_folds(LITE0), image=True, expression=True),
    "c": Group(_quadrants, _leave_one_out("c: Xenium quadrants", QUADRANTS), image=False, expression=True),
    "d": Group(_strips, _leave_one_out("d: PDAC-A strips", STRIPS), image=False, expression=True),
    "e": Group(_transfer, _transfer_folds, image=False, expression=True),
    "f": Group(_blocks, _leave_one_out("f: block A picture", BLOCKS), image=True, expression=False),
}
"""Groups of tasks that share fits: (a) and (g) do."""


@cache
def sections_of(group: str, folder: Path) -> dict[str, BenchSection]:
    """All sections of a group, read once per process."""
    return GROUPS[group].sections(folder)
