"""One tissue, four instruments: a model of legacy ST scores what the others measured."""

from __future__ import annotations

import warnings
from dataclasses import replace
from functools import cache

import anndata as ad
import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

import spacrd
from tests.making.platforms.simulated import CANCER, MARGIN_UM, Simulated
from tests.making.platforms.tissue import hexagonal, squares
from tests.making.platforms.visium import read_visium, write_visium
from tests.making.platforms.visium_hd import read_visium_hd, write_visium_hd
from tests.making.platforms.xenium import LIGHT, PIXEL_UM, read_xenium, write_xenium

PATCH_UM = 112.0
ST, VISIUM, HD, XENIUM = range(4)
grow = cache(Simulated.grow)


def count(span: float, pitch: float) -> int:
    return int((span - 2 * MARGIN_UM) / pitch) + 1


def label(table: ad.AnnData, tissue: Simulated, xy_um: np.ndarray) -> None:
    table.obs["truth"] = pd.Categorical(tissue.labels(xy_um))


def as_st(tissue: Simulated):
    """An AnnData as files of legacy ST become: spots of 100 um on a square lattice of 200 um."""
    n = count(tissue.size_um, 200.0)
    measured = tissue.measure(*squares(n, n, 200.0, MARGIN_UM), ST)
    obs = pd.DataFrame({"array_row": measured.array[:, 0], "array_col": measured.array[:, 1]})
    obs.index = [f"{row}x{column}" for row, column in measured.array]
    var = pd.DataFrame(index=measured.genes)
    xy = measured.xy_um / tissue.mpp
    scales = {"tissue_hires_scalef": 1.0, "spot_diameter_fullres": 100.0 / tissue.mpp}
    spatial = {f"st_{tissue.seed}": {"images": {"hires": tissue.image}, "scalefactors": scales}}
    table = ad.AnnData(measured.counts, obs=obs, var=var, obsm={"spatial": xy}, uns={"spatial": spatial})
    label(table, tissue, measured.xy_um)
    spacrd.pp.extract_patches(table, patch_um=PATCH_UM, mpp=tissue.mpp)
    return table


def as_visium(tissue: Simulated, folder):
    n = count(tissue.size_um, 100.0)
    measured = tissue.measure(*hexagonal(n, n - 1, margin=MARGIN_UM), VISIUM)
    sdata = read_visium(write_visium(folder, measured, tissue.image, tissue.to_pixels))
    label(sdata.tables["table"], tissue, sdata.tables["table"].obsm["spatial"] * tissue.mpp)
    spacrd.pp.extract_patches(sdata, patch_um=PATCH_UM)
    return sdata


def as_hd(tissue: Simulated, folder):
    """Bins of 16 um, added up to spots."""
    n = count(tissue.size_um, 16.0)
    measured = tissue.measure(*squares(n, n, 16.0, MARGIN_UM), HD, depth=0.05)
    write_visium_hd(folder / "hd", {16: measured}, tissue.image, tissue.to_pixels)
    bins = read_visium_hd(folder / "hd", [16])
    bins.tables["square_016um"].var_names_make_unique()
    spots = spacrd.pp.pseudospots(bins, table_key="square_016um", diameter_um=100.0)
    label(spots.tables["table"], tissue, spots.tables["table"].obsm["spatial"] * tissue.mpp)
    spacrd.pp.extract_patches(spots, patch_um=PATCH_UM)
    return spots


def as_xenium(tissue: Simulated, folder=None):
    """A third of the genes in cells, added up to spots; an AnnData of the same without a folder."""
    n = count(tissue.size_um, 22.0)
    xy, array = squares(n, n, 22.0, MARGIN_UM)
    xy = xy + np.random.default_rng(tissue.seed).uniform(-5, 5, xy.shape)
    measured = tissue.measure(xy, array, XENIUM, depth=0.05)
    measured = replace(measured, counts=measured.counts[:, ::3].tocsr(), genes=measured.genes[::3])
    if folder is None:
        var = pd.DataFrame(index=measured.genes)
        entry = {"images": {"hires": tissue.image}, "scalefactors": {"tissue_hires_scalef": 1 / tissue.mpp}}
        images = {"spatial": {f"cells_{tissue.seed}": entry}}
        table = ad.AnnData(measured.counts, var=var, obsm={"spatial": measured.xy_um}, uns=images)
        spots = spacrd.pp.pseudospots(table, diameter_um=100.0, mpp=1.0)
        label(spots, tissue, spots.obsm["spatial"])
    else:
        to_morphology = np.diag([tissue.mpp / PIXEL_UM, tissue.mpp / PIXEL_UM, 1.0])
        size = (tissue.size_um, tissue.size_um)
        write_xenium(folder / "outs", measured, *size, he=tissue.image, he_to_pixels=to_morphology)
        spots = spacrd.pp.pseudospots(read_xenium(folder / "outs", **LIGHT), diameter_um=100.0)
        label(spots.tables["table"], tissue, spots.tables["table"].obsm["spatial"] * PIXEL_UM)
    spacrd.pp.extract_patches(spots, patch_um=PATCH_UM)
    return spots


def table_of(section) -> ad.AnnData:
    return section if isinstance(section, ad.AnnData) else section.tables["table"]


def fit(sections):
    return spacrd.tl.fit(sections, "truth", positive=CANCER)


def auc(section, model) -> float:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that another platform looks different is what these tests are about
        spacrd.tl.score(section, model, on_mismatch="warn")
    obs = table_of(section).obs
    return float(roc_auc_score(obs["truth"].isin(CANCER), obs["spacrd_likelihood"]))


@pytest.fixture(scope="module")
def st():
    """Sections of legacy ST, larger as their spots are fewer."""
    return [as_st(grow(seed, 2800.0)) for seed in (11, 12, 13)]


@pytest.fixture(scope="module")
def st_model(st):
    return fit(st)


def compare(train, new, st_model) -> None:
    """A model of legacy ST is at most .03 below one of the platform itself."""
    own, across = auc(new, fit(train)), auc(new, st_model)
    assert own > 0.9 and across > own - 0.03, (own, across)


@pytest.mark.parametrize("make", [as_visium, as_hd])
def test_a_model_of_st_scores_visium_and_hd(make, st_model, tmp_path):
    *train, new = (make(grow(seed, 2400.0), tmp_path / str(seed)) for seed in (1, 2, 3))
    compare(train, new, st_model)


def test_a_model_of_st_scores_xenium(st, tmp_path):
    """A third of the genes costs more than another lattice."""
    train = [as_xenium(grow(seed, 2000.0)) for seed in (1, 2)]
    new = as_xenium(grow(3, 2000.0), tmp_path)
    own, other = auc(new, fit(train)), auc(new, fit(st))
    assert own > 0.9 and other > own - 0.05, (own, other)


def test_several_platforms_share_one_fit(st, tmp_path):
    visium = as_visium(grow(1, 2000.0), tmp_path / "1")
    model = fit([*st[:2], visium])
    assert auc(as_xenium(grow(3, 2000.0)), model) > 0.85
    assert auc(as_st(grow(15, 2800.0)), model) > 0.85
