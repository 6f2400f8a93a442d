"""Where the spots of a section are drawn, and how long a micrometre is there."""

from __future__ import annotations

import numpy as np
import pytest
from spatialdata.transformations import Scale, Sequence, get_transformation, set_transformation

from spacrd import pl
from spacrd._sections import Selection, split_sections
from spacrd.pl._view import view_section
from tests.making.image_sections import make_sdata


def test_a_coordinate_system_in_millimetres_has_a_scale_bar() -> None:
    sdata = make_sdata()
    mm = Scale([1e-3 * 100 / 60] * 2, axes=("x", "y"))
    for element in (sdata.images["one_full_image"], sdata.shapes["one"]):
        placed = Sequence([get_transformation(element, to_coordinate_system="one"), mm])
        set_transformation(element, placed, to_coordinate_system="mm")
    view = view_section(split_sections(sdata)[0], Selection(coordinate_system="mm"))
    assert view.um_per_unit == pytest.approx(1000.0)


def test_a_table_that_annotates_no_element_cannot_be_drawn_on_an_image() -> None:
    sdata = make_sdata()
    table = sdata.tables["table"]
    table.obsm["spatial"] = np.random.default_rng(0).uniform(0, 500, (table.n_obs, 2))
    table.obs["spacrd_likelihood"] = 0.5
    del table.uns["spatialdata_attrs"]
    pl.likelihood(sdata, show=False)
    with pytest.raises(ValueError, match="annotates no element"):
        pl.likelihood(sdata, image_key="one_full_image", show=False)
