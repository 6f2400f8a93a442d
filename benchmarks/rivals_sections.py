"""Real sections as arrays, for the rivals' table."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from benchmarks.sections import DATA, IMAGE_REP, read

import spacrd
from spacrd.features import SectionArrays
from spacrd.rivals._inputs import take

SHARED = DATA.parent
LITE0 = "tf_efficientnet_lite0"
LABEL = "annotation"
XENIUM_CANCER = ("Invasive Tumor", "DCIS")
BLOCK_A_CANCER = ("Invasive", "Tumor")


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


def her2st(name: str, image: Any = None) -> BenchSection:
    """A section of the HER2-positive breast tumours."""
    sdata = read(name)
    table, diameter = sdata["table"], 2 * float(sdata.shapes[name]["radius"].iloc[0])
    label = table.obs["cancer"].astype(object)
    arrays = SectionArrays(
        name=name,
        xy=np.asarray(table.obsm["spatial"], dtype=np.float64),
        um_per_unit=100.0 / diameter,
        counts=table.X.tocsr(),
        genes=table.var_names.to_numpy().astype(str),
        image=image,
        target=np.where(label.isna(), np.nan, label == "cancer").astype(np.float32),
    )
    return BenchSection(arrays, (label == "undetermined").to_numpy(), proxy="pathologist" not in table.obs)


def normal_part(section: BenchSection) -> BenchSection:
    """The spots that are not cancer, as a section of their own."""
    rows = section.arrays.target == 0
    arrays = replace(take(section.arrays, rows), name=tumour_free(section.arrays.name))
    return BenchSection(arrays, section.undetermined[rows], section.proxy)


def tumour_free(name: str) -> str:
    """Name of :func:`normal_part`."""
    return f"{name} without tumour"


def parts(whole: BenchSection, part: np.ndarray) -> dict[str, BenchSection]:
    """Parts of a section as sections, by the name of the part of each spot."""
    return {
        str(name): BenchSection(
            replace(take(whole.arrays, part == name), name=str(name)), whole.undetermined[part == name]
        )
        for name in np.unique(part)
    }


def embedding(name: str, encoder: str, folder: Path) -> np.ndarray:
    """Patch embedding of a her2st section, computed once and kept in ``folder``."""

    def embed() -> np.ndarray:
        sdata = read(name)
        lite0 = {"weights": SHARED / "encoders" / f"{LITE0}.safetensors", "patch_um": 224.0}
        options: dict[str, Any] = lite0 if encoder == LITE0 else {}
        spacrd.pp.extract_patches(sdata, encoder=encoder, key_added=IMAGE_REP, **options)
        return sdata["table"].obsm[IMAGE_REP]

    return _kept(folder / "embeddings" / f"{name}_{encoder}.npy", embed)


def _kept(file: Path, make: Any) -> np.ndarray:
    if not file.exists():
        file.parent.mkdir(parents=True, exist_ok=True)
        part = file.with_suffix(".part.npy")
        np.save(part, np.asarray(make(), dtype=np.float32))
        part.replace(file)
    return np.load(file)


def _section(name: str, table: Any, xy: np.ndarray, cancer: Iterable[str]) -> BenchSection:
    label = table.obs[LABEL].astype(object)
    arrays = SectionArrays(
        name=name,
        xy=np.asarray(xy, dtype=np.float64),
        um_per_unit=1.0,
        counts=table.X.tocsr().astype(np.float32),
        genes=table.var_names.to_numpy().astype(str),
        image=None,
        target=np.where(label.isna(), np.nan, label.isin(list(cancer))).astype(np.float32),
    )
    return BenchSection(arrays, np.zeros(len(xy), dtype=bool))


def _table(name: str) -> Any:
    import anndata as ad

    table = ad.read_h5ad(SHARED / name / f"{name}.h5ad")
    table.obs = table.obs.rename(columns={"region": LABEL})  # pseudo-spots have a region of their own
    return table


def xenium_cells() -> tuple[BenchSection, np.ndarray]:
    """Cells of a breast tumour, and the quadrant of each."""
    table = _table("xenium_idc")
    section = _section("Xenium cells", table, table.obsm["spatial_um"], XENIUM_CANCER)
    return section, table.obs["quadrant"].to_numpy().astype(str)


def xenium_spots() -> BenchSection:
    """The same cells added up to spots of 55 um, 55 um apart; a spot has the class of most of its cells."""
    table = _table("xenium_idc")
    spots = spacrd.pp.pseudospots(table, diameter_um=55.0, pitch_um=55.0, label_key=LABEL, mpp=1.0)
    return _section("Xenium pseudo-spots", spots, spots.obsm["spatial"], XENIUM_CANCER)


def pdac() -> BenchSection:
    """Spots of a pancreatic tumour."""
    table = _table("pdac_a")
    return _section("PDAC-A", table, table.obsm["spatial_um"], ("Cancer",))


def block_a(folder: Path) -> BenchSection:
    """Spots of the Visium breast cancer block A: the image's embedding alone."""
    from anndata import AnnData
    from PIL import Image

    source = SHARED / "visium_brca_blocka"
    label = pd.read_csv(source / "brca_blockA_labels.tsv", sep="\t", index_col=0)["annot_type"]
    place = pd.read_csv(source / "brca_blockA_tissue_positions_list.csv", header=None, index_col=0).loc[label.index]
    scale = json.loads((source / "brca_blockA_scalefactors_json.json").read_text())
    xy = place[[5, 4]].to_numpy(dtype=np.float64)

    def embed() -> np.ndarray:
        obs = pd.DataFrame({"array_row": place[2], "array_col": place[3], "in_tissue": 1}, index=label.index)
        section = AnnData(np.ones((len(label), 1), np.float32), obs=obs, obsm={"spatial": xy})
        image = np.asarray(Image.open(source / "brca_blockA_lowres.png").convert("RGB"))
        section.uns["spatial"] = {"block A": {"images": {"lowres": image}, "scalefactors": scale}}
        spacrd.pp.extract_patches(section, encoder="handcrafted", key_added=IMAGE_REP)
        return section.obsm[IMAGE_REP]

    arrays = SectionArrays(
        name="block A",
        xy=xy,
        um_per_unit=55.0 / scale["spot_diameter_fullres"],
        counts=None,
        genes=None,
        image=_kept(folder / "embeddings" / "block-a_handcrafted.npy", embed),
        target=label.isin(BLOCK_A_CANCER).to_numpy().astype(np.float32),
    )
    return BenchSection(arrays, np.zeros(len(xy), dtype=bool))
