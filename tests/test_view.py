"""What napari is handed: the image, patches, spots and outlines of one section, in one coordinate system."""

from __future__ import annotations

import sys
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest

import spacrd
import spacrd._view
from tests.making.image_sections import make_adata, make_sdata


class Window:
    """Stands in for ``napari_spatialdata.Interactive``; every other element is turned away once, as if it was busy."""

    def __init__(self, sdata: Any, headless: bool = False) -> None:
        self.sdata, self.headless, self.ran, self.system = sdata, headless, False, None
        self.layers: dict[str, Any] = {}
        self.asked: list[str] = []

    def switch_coordinate_system(self, system: str) -> None:
        self.system = system

    def add_element(self, name: str, element_coordinate_system: str) -> None:
        self.asked.append(name)
        assert element_coordinate_system == self.system
        if len(self.layers) % 2 and self.asked.count(name) == 1:
            return
        self.layers[name] = SimpleNamespace(data=np.zeros((self.sdata["table"].n_obs, 2)), face_color=None)

    def get_layer(self, name: str) -> Any:
        return self.layers.get(name)

    def run(self) -> None:
        self.ran = True


@pytest.fixture(autouse=True)
def _napari(monkeypatch: pytest.MonkeyPatch) -> None:
    napari, widgets = ModuleType("napari_spatialdata"), ModuleType("qtpy.QtWidgets")
    napari.Interactive = Window  # type: ignore[attr-defined]
    application = SimpleNamespace(processEvents=lambda: None)
    widgets.QApplication = SimpleNamespace(instance=lambda: application)  # type: ignore[attr-defined]
    for name, module in (("napari_spatialdata", napari), ("qtpy", ModuleType("qtpy")), ("qtpy.QtWidgets", widgets)):
        monkeypatch.setitem(sys.modules, name, module)
    monkeypatch.setattr(sys.modules["spacrd._view"], "AGAIN_S", 0.02)


def scored() -> Any:
    """A section with likelihoods, patches and outlines, and shapes of something else."""
    sdata = make_sdata()
    spots = sdata["one"]
    sdata.shapes["one_handcrafted_patches"] = spots.copy()
    sdata.shapes["spacrd_regions"] = spots.copy()
    sdata.shapes["other"] = spots.copy()
    likelihood = np.linspace(0, 1, sdata["table"].n_obs).astype(np.float32)
    likelihood[3] = np.nan
    sdata["table"].obs["spacrd_likelihood"] = likelihood
    return sdata


def test_elements_lie_on_each_other_in_the_order_in_which_they_are_seen() -> None:
    window = spacrd.view(scored())
    assert list(window.layers) == ["one_full_image", "one_handcrafted_patches", "one", "spacrd_regions"]
    assert window.system == "one" and window.headless and window.ran


def test_spots_have_the_colours_of_their_likelihoods() -> None:
    sdata = scored()
    colours = spacrd.view(sdata, run=False).layers["one"].face_color
    assert colours.shape == (sdata["table"].n_obs, 4)
    assert colours[3, 3] == 0 and (np.delete(colours[:, 3], 3) == 1).all()
    assert colours[-1, 1] > 0.8 > colours[0, 1]  # viridis ends in yellow


def test_colours_follow_the_element_when_the_table_is_in_another_order() -> None:
    sdata, shuffled = scored(), scored()
    table = shuffled["table"]
    shuffled.tables["table"] = table[np.random.default_rng(0).permutation(table.n_obs)].copy()
    first, second = (spacrd.view(each, run=False).layers["one"].face_color for each in (sdata, shuffled))
    assert np.array_equal(first, second)


def test_a_section_without_scores_and_image_is_shown() -> None:
    sdata = make_sdata()
    del sdata.images["one_full_image"]
    window = spacrd.view(sdata, run=False)
    assert list(window.layers) == ["one"] and window.layers["one"].face_color is None and not window.ran


def test_an_element_that_never_appears_is_warned_of(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.modules["spacrd._view"], "LONGEST_S", 0.05)
    monkeypatch.setattr(Window, "add_element", lambda *args, **options: None)
    sdata = make_sdata()
    del sdata.images["one_full_image"]
    with pytest.warns(spacrd.SpacrdWarning, match="napari did not show 'one'"):
        spacrd.view(sdata, run=False)


def test_what_cannot_be_shown_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(TypeError, match="needs a SpatialData, got AnnData"):
        spacrd.view(make_adata())
    with pytest.raises(KeyError, match="no image 'he'"):
        spacrd.view(make_sdata(), image_key="he")
    monkeypatch.setitem(sys.modules, "napari_spatialdata", None)
    with pytest.raises(ImportError, match=r"spacrd\[view\]"):
        spacrd.view(make_sdata())


def test_cell_groups_for_xenium_explorer_name_every_called_cell(tmp_path) -> None:
    xenium = spacrd.datasets.toy_xenium(size_um=600)
    n = xenium["table"].n_obs
    xenium["table"].obs["spacrd_region"] = pd.Categorical(["cancer", None] * (n // 2) + ["normal"] * (n % 2))
    obs = xenium["table"].obs
    groups = obs[["cell_id"]].assign(group=obs["spacrd_region"])
    groups.dropna().to_csv(tmp_path / "spacrd_groups.csv", index=False)
    written = pd.read_csv(tmp_path / "spacrd_groups.csv")
    assert list(written) == ["cell_id", "group"] and len(written) == obs["spacrd_region"].notna().sum()
