"""Several sections in one that nobody told apart are refused or questioned; one section never is."""

from __future__ import annotations

import anndata as ad
import numpy as np
import pandas as pd
import pytest

import spacrd
from spacrd._sections import check_one_section, coordinates, split_sections
from tests.making.image_sections import hexagons, make_adata
from tests.making.messages import messages_of
from tests.making.sections import make_section


def check(data, **names):
    """Ask of each section whether it is one."""
    for section in split_sections(data, **names):
        check_one_section(section, coordinates(section))


BARCODES = np.random.default_rng(0).choice(list("ACGT"), (400, 16))


def visium(seed, *, array=True, barcodes=True, shift=(0.0, 0.0), factor=1.0, degrees=0.0):
    """A section of 85 spots on hexagons, with the genes of the model."""
    spots = hexagons()
    n = len(spots)
    table = make_section(seed, n=n, image=False)
    turn = np.deg2rad(degrees)
    turn = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    table.obsm["spatial"] = (spots[["x", "y"]].to_numpy() @ turn.T + shift) * factor
    if array:
        for column in ("array_row", "array_col"):
            table.obs[column] = spots[column].to_numpy()
    if barcodes:
        table.obs_names = ["".join(letters) + "-1" for letters in BARCODES[:n]]
    return table


def concat(parts, *, label=None):
    keys = [f"s{i}" for i in range(len(parts))] if label else None
    whole = ad.concat(parts, label=label, keys=keys, index_unique="-")
    return whole[np.random.default_rng(0).permutation(whole.n_obs)].copy()


NOTHING = {"array": False, "barcodes": False}
OVERLAID = {
    "at the same places": {},
    "shifted": {"shift": (17.0, 25.0)},
    "shifted a little": {"shift": (3.0, 2.0)},
    "turned": {"degrees": 30.0},
    "larger": {"factor": 1.3},
}


@pytest.mark.parametrize("how", OVERLAID)
@pytest.mark.parametrize("known", ["array", "barcodes", "column"])
def test_sections_on_each_other_are_refused_with_the_column(gene_model, how, known):
    facts = {**NOTHING, **({} if known == "column" else {known: True})}
    whole = concat([visium(1, **facts), visium(2, **facts, **OVERLAID[how])], label="sample")
    if how == "larger" and known == "column":
        (message,) = messages_of(lambda: spacrd.tl.score(whole, gene_model), "several sections in one")
        assert "library_key='sample'" in message
        return
    with pytest.raises(ValueError, match="looks like several sections in one: .*Pass library_key='sample'"):
        spacrd.tl.score(whole, gene_model)
    assert "spacrd_likelihood" not in whole.obs
    assert not messages_of(lambda: spacrd.tl.score(whole, gene_model, library_key="sample"), "several sections")


@pytest.mark.parametrize("how", [how for how in OVERLAID if how != "larger"])
def test_sections_on_each_other_are_questioned_if_nothing_tells_them_apart(gene_model, how):
    whole = concat([visium(1, **NOTHING), visium(2, **NOTHING, **OVERLAID[how])])
    (message,) = messages_of(lambda: spacrd.tl.score(whole, gene_model), "several sections in one")
    assert "Name the obs column that tells them apart with `library_key`" in message


@pytest.mark.parametrize("facts", [{"barcodes": False}, {"array": False}])
def test_sections_beside_each_other_are_questioned_by_array_and_barcodes(gene_model, facts):
    whole = concat([visium(1, **facts), visium(2, **facts, shift=(5000.0, 0.0))], label="slide")
    (message,) = messages_of(lambda: spacrd.tl.score(whole, gene_model), "several sections in one")
    assert "repeat for 170 spots. Pass library_key='slide'" in message


def test_a_column_of_another_name_is_found_too(gene_model):
    whole = concat([visium(1), visium(2)], label="where it comes from")
    whole.obs["cluster"] = np.arange(whole.n_obs) % 9
    with pytest.raises(ValueError, match="library_key='where it comes from'"):
        spacrd.tl.score(whole, gene_model)


@pytest.mark.parametrize("values", [[0.0, 1.0], [10.5, 20.5]])
def test_a_column_of_fractions_names_sections_too(gene_model, values):
    whole = concat([visium(1, **NOTHING), visium(2, **NOTHING, shift=(17.0, 25.0))], label="z_um")
    whole.obs["z_um"] = np.where(whole.obs["z_um"] == "s0", *values)
    with pytest.raises(ValueError, match="Pass library_key='z_um'"):
        spacrd.tl.score(whole, gene_model)


def test_a_small_section_on_one_of_two_others_is_found(gene_model):
    parts = [visium(1, **NOTHING), visium(2, **NOTHING, shift=(5000.0, 0.0)), visium(3, **NOTHING)[:40].copy()]
    with pytest.raises(ValueError, match="80 spots lie on another spot. Pass library_key='tissue_section'"):
        spacrd.tl.score(concat(parts, label="tissue_section"), gene_model)


def test_cells_of_two_samples_on_each_other_are_questioned_by_the_end_of_their_names():
    rng = np.random.default_rng(0)
    halves = [ad.AnnData(np.zeros((400, 1), np.float32), obsm={"spatial": rng.random((400, 2))}) for _ in range(2)]
    whole = ad.concat(halves, index_unique="-")
    (message,) = messages_of(lambda: check(whole), "several sections in one")
    assert "names that end in different numbers lie on each other. Name the obs column" in message
    halves[1].obsm["spatial"][:, 0] += 2
    assert not messages_of(lambda: check(ad.concat(halves, index_unique="-")))


def test_patches_and_pseudospots_ask_too():
    whole = concat([make_adata(), make_adata()], label="batch")
    whole.uns["spatial"] = make_adata().uns["spatial"]
    for call in (
        lambda: spacrd.pp.extract_patches(whole, encoder="colour"),
        lambda: spacrd.pp.pseudospots(whole, diameter_um=300, pitch_um=300, mpp=1.0),
    ):
        with pytest.raises(ValueError, match="170 spots lie on another spot.*library_key='batch'"):
            call()


@pytest.mark.parametrize("number", [8, 34])
def test_many_spots_at_one_place_are_refused(gene_model, number):
    section = visium(1)
    section.obsm["spatial"][:number] = 0
    with pytest.raises(ValueError, match=rf"{number} of 85 spots have the same coordinates, such as \(0, 0\)"):
        spacrd.tl.score(section, gene_model)
    table = make_adata()
    table.obsm["spatial"][:number] = 0
    with pytest.raises(ValueError, match="same coordinates"):
        spacrd.pp.extract_patches(table, encoder="colour")


@pytest.mark.parametrize("spread", [0.0, 1e-7])
@pytest.mark.parametrize("n_places", [1, 3])
def test_some_places_with_many_spots_each_are_refused(gene_model, n_places, spread):
    section = visium(1)
    for place in range(n_places):
        section.obsm["spatial"][place * 15 : place * 15 + 15] = np.random.default_rng(0).normal(place, spread, (15, 2))
    with pytest.raises(ValueError, match=f"{15 * n_places} of 85 spots have the same coordinates"):
        spacrd.tl.score(section, gene_model)


def test_spots_on_one_line_are_not_blamed_on_the_array():
    section = visium(1)
    section.obsm["spatial"][:, 1] = 5
    (message,) = messages_of(lambda: check(section), "several sections in one")
    assert "library_key='array_row'" not in message


def test_coordinates_in_two_units_are_questioned(gene_model):
    section = visium(1)
    section.obsm["spatial"][:20] *= 0.2
    (message,) = messages_of(lambda: spacrd.tl.score(section, gene_model), "another unit")
    assert "do not fit the places of" in message
    whole = concat([visium(1, **NOTHING), visium(2, **NOTHING, factor=0.2)])
    whole.obs_names = [f"spot {number}" for number in range(whole.n_obs)]
    (message,) = messages_of(lambda: spacrd.tl.score(whole, gene_model), "in one unit?")
    assert "some of them 12." in message


def test_places_in_another_order_than_the_array_are_questioned(gene_model):
    section = visium(1)
    section.obsm["spatial"] = np.random.default_rng(0).permutation(section.obsm["spatial"])
    (message,) = messages_of(lambda: spacrd.tl.score(section, gene_model), "do not fit the places of the spots")
    assert "joined in a wrong order" in message


def three(xy, z):
    return np.column_stack([xy, np.broadcast_to(z, len(xy))])


@pytest.mark.filterwarnings("ignore:.*shares spots with a training section:spacrd.SpacrdWarning")
@pytest.mark.parametrize("form", ["array", "frame"])
def test_a_third_coordinate_that_varies_is_refused(gene_model, form):
    section = visium(1, array=False)
    flat = section.obsm["spatial"]
    z = np.where(np.arange(85) < 40, 0.0, 10.0)

    def put(values):
        frame = pd.DataFrame(values, index=section.obs_names, columns=["x", "y", "z"])
        section.obsm["spatial"] = values if form == "array" else frame

    put(three(flat, z))
    with pytest.raises(ValueError, match="third coordinate that varies, 2 values from 0 to 10.*library_key"):
        spacrd.tl.score(section, gene_model)
    section.obs["level"] = [f"z{value:g}" for value in z]
    spacrd.tl.score(section, gene_model, library_key="level")
    put(three(flat, 5.0))
    spacrd.tl.score(section, gene_model)
    assert section.obs["spacrd_likelihood"].notna().all()


def test_a_third_coordinate_does_not_hinder_patches():
    table, flat = make_adata(), make_adata()
    table.obsm["spatial"] = three(table.obsm["spatial"], 3.0)
    for each in (table, flat):
        spacrd.pp.extract_patches(each, encoder="colour")
    np.testing.assert_array_equal(table.obsm["X_colour"], flat.obsm["X_colour"])
    table.obsm["spatial"][:9, 2] = 4.0
    with pytest.raises(ValueError, match="third coordinate that varies"):
        spacrd.pp.extract_patches(table, encoder="colour")


def lattice(kind, jitter, share, rng):
    row, column = np.divmod(np.arange(900), 30)
    x = column + (row % 2) / 2 if kind == "hexagonal" else column
    y = row * (3**0.5 / 2 if kind == "hexagonal" else 1)
    xy = np.column_stack([x, y]) * 100 + rng.normal(0, jitter * 100, (900, 2))
    return xy[rng.random(900) < share]


@pytest.mark.parametrize("kind", ["hexagonal", "square"])
@pytest.mark.parametrize("jitter", [0.0, 0.03, 0.1, 0.2])
@pytest.mark.parametrize("share", [1.0, 0.6, 0.3])
def test_one_lattice_with_gaps_and_jitter_is_not_questioned(kind, jitter, share):
    for seed in range(4):
        xy = lattice(kind, jitter, share, np.random.default_rng(seed))
        table = ad.AnnData(np.zeros((len(xy), 1), np.float32), obsm={"spatial": xy})
        assert not messages_of(lambda table=table: check(table))


@pytest.mark.parametrize("seed", [3, 13])
def test_half_of_the_spots_of_a_small_section_are_not_questioned(seed):
    row, column = np.divmod(np.arange(64), 8)
    kept = np.random.default_rng(seed).random(64) < 0.5
    xy = np.column_stack([column + row % 2 / 2, row * 3**0.5 / 2])[kept]
    assert not messages_of(lambda: check(ad.AnnData(np.zeros((len(xy), 1), np.float32), obsm={"spatial": xy})))


def test_an_index_named_like_a_column_of_numbers_is_read():
    section = visium(1)
    section.obs.index.name = 0
    assert not messages_of(lambda: check(section))


@pytest.mark.parametrize("n", [3, 30, 3000])
def test_scattered_cells_are_not_questioned(n):
    rng = np.random.default_rng(0)
    xy = rng.random((n, 2)) * 1000
    table = ad.AnnData(np.zeros((n, 1), np.float32), obsm={"spatial": xy})
    table.obs["sample"] = np.where(xy[:, 0] < 500, "left", "right")
    assert not messages_of(lambda: check(table))


@pytest.mark.real_data
def test_real_sections_are_not_questioned_and_two_of_them_are_refused(real_data):
    tables = []
    for name in ("A1", "B4", "C2"):
        sdata = spacrd.datasets.her2st(real_data / "her2st", name)
        assert not messages_of(lambda sdata=sdata: check(sdata))
        table = sdata["table"].copy()
        table.uns.clear()
        tables.append(table)
    for name in ("pdac_a", "xenium_idc"):
        table = ad.read_h5ad(real_data / name / f"{name}.h5ad")
        assert not messages_of(lambda table=table: check(table))
    with pytest.raises(ValueError, match="several sections in one.*library_key='sample'"):
        check(ad.concat(tables, label="sample", keys=["A1", "B4", "C2"], index_unique="-"))
