"""The platform and the called area of sections as every reader returns them."""

from __future__ import annotations

import numpy as np
import pytest

import spacrd
from tests.making.platforms.visium import read_visium
from tests.making.platforms.visium_hd import read_visium_hd
from tests.making.platforms.xenium import LIGHT, read_xenium


def called(table, n: int):
    """Call the first ``n`` rows cancer."""
    table.obs["spacrd_likelihood"] = np.where(np.arange(table.n_obs) < n, 0.9, 0.1).astype(np.float32)
    table.obs["spacrd_region"] = np.where(np.arange(table.n_obs) < n, "cancer", "normal")


def test_a_spot_of_visium_stands_for_its_hexagon(visium_folder):
    sdata = read_visium(visium_folder().path)
    called(sdata["table"], 10)
    (row,) = spacrd.tl.summarise(sdata).to_dict("records")
    assert row["platform"] == "Visium"
    assert row["called_area_mm2"] == pytest.approx(10 * np.sqrt(3) / 2 * 0.1**2, rel=0.01)


def test_a_bin_of_visium_hd_stands_for_its_square(hd_folder):
    sdata = read_visium_hd(hd_folder.path, (16,))
    called(sdata["square_016um"], 10)
    (row,) = spacrd.tl.summarise(sdata, table_key="square_016um").to_dict("records")
    assert row["platform"] == "Visium HD"
    assert row["called_area_mm2"] == pytest.approx(10 * 0.016**2)


def test_a_cell_of_xenium_stands_for_its_own_area(xenium_folder):
    sdata = read_xenium(xenium_folder().path, **LIGHT)
    table = sdata["table"]
    called(table, 10)
    (row,) = spacrd.tl.summarise(sdata).to_dict("records")
    assert row["platform"] == "Xenium"
    assert row["called_area_mm2"] == pytest.approx(table.obs["cell_area"].iloc[:10].sum() / 1e6)
