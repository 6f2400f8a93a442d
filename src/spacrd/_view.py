"""Look at a section in napari."""

from __future__ import annotations

import importlib
import time
from typing import TYPE_CHECKING, Any

import numpy as np

from ._checks import check_bools, warn
from ._keys import Keys
from ._sections import Section, Selection, is_spatialdata, only_section, place_rows, place_spots, transformations

if TYPE_CHECKING:
    from spatialdata import SpatialData

LONGEST_S, AGAIN_S = 120.0, 5.0
"""Seconds to wait for a layer, and until napari is asked for it again."""


def view(
    sdata: SpatialData,
    *,
    key: str = Keys.DEFAULT,
    region: str | None = None,
    image_key: str | None = None,
    coordinate_system: str | None = None,
    table_key: str = "table",
    library_key: str | None = None,
    run: bool = True,
) -> Any:
    """Open a section in napari: image, patches, spots by likelihood, and outlines of called cancer.

    Needs napari-spatialdata: ``pip install "spacrd[view]"``, and a Qt such as ``pip install "napari[pyqt6]"``.

    Parameters
    ----------
    sdata
        Section, or several of which ``region`` names one.
    key
        Name of the result, ``key_added`` of :func:`spacrd.tl.score`. A section that was not scored is shown without it.
    region
        Section to show.
    image_key
        Image to show; by default the one that patches are cut from, if there is one.
    coordinate_system
        Coordinate system to show it in; by default that in which patches are cut.
    table_key
        Table of the section.
    library_key
        Column of ``obs`` that names the sections.
    run
        Wait until the window is closed. False returns at once, in a program that runs Qt itself.

    Returns
    -------
    The ``napari_spatialdata.Interactive``; other elements can be added in its window. Nothing is written into
    ``sdata``, but what you draw and save there.

    Raises
    ------
    TypeError
        If ``sdata`` is no SpatialData.
    ImportError
        If napari-spatialdata is not installed.
    ValueError
        If there are several sections and none is named.

    Examples
    --------
    >>> import spacrd
    >>> sdata = spacrd.datasets.toy_visium(n_rows=10, n_cols=10)
    >>> window = spacrd.view(sdata)  # doctest: +SKIP
    """
    check_bools(run=run)
    if not is_spatialdata(sdata):
        raise TypeError(
            f"view needs a SpatialData, got {type(sdata).__name__}. Draw an AnnData with spacrd.pl.likelihood."
        )
    selection = Selection(
        table_key=table_key,
        library_key=library_key,
        region=region,
        image_key=image_key,
        coordinate_system=coordinate_system,
    )
    section = only_section(sdata, selection, "is to be shown")
    placement = place_spots(section, selection)
    if placement.image is None:
        placement = place_rows(section, selection)
    names = [] if placement.image is None else [placement.image_name]
    names += _shapes(section, key, str(placement.coordinate_system))
    try:
        napari = importlib.import_module("napari_spatialdata")  # an extra, of which spacrd declares no dependency
    except ImportError as error:
        raise ImportError(
            f'view needs napari-spatialdata ({error}). Install it: pip install "spacrd[view]" "napari[pyqt6]".'
        ) from error
    window = napari.Interactive(sdata, headless=True)
    window.switch_coordinate_system(str(placement.coordinate_system))
    for name in names:
        _add(window, name, str(placement.coordinate_system))
    _colour(window.get_layer(section.element), section, key)
    if run:
        window.run()
    return window


def _add(window: Any, name: str, system: str) -> None:
    """Add an element and wait for its layer: it is loaded in a thread, and while that runs others are turned away."""
    application = importlib.import_module("qtpy.QtWidgets").QApplication.instance()
    end = time.monotonic() + LONGEST_S
    while window.get_layer(name) is None and time.monotonic() < end:
        window.add_element(name, element_coordinate_system=system)
        again = time.monotonic() + AGAIN_S
        while window.get_layer(name) is None and time.monotonic() < again:
            application.processEvents()
            time.sleep(0.01)
    if window.get_layer(name) is None:
        warn(f"napari did not show {name!r} within {LONGEST_S:.0f} s. Double-click it in the list of elements.")


def _shapes(section: Section, key: str, system: str) -> list[str]:
    """Return the shapes of a section that are shown, the uppermost last: patches, spots, outlines of cancer."""
    assert section.sdata is not None and section.element is not None
    shapes = section.sdata.shapes
    start = f"{Keys.element(section.name)}_"
    patches = [name for name in shapes if name.startswith(start) and name.endswith("_patches")]
    outlines = [Keys.regions(key, section.name), Keys.regions(key)]
    names = [*patches, section.element, *(name for name in outlines if name in shapes)]
    return [name for name in names if system in transformations(section.sdata[name])]


def _colour(layer: Any, section: Section, key: str) -> None:
    """Colour the spots of a layer by likelihood; they lie in the order of their element, not of the table."""
    assert section.sdata is not None
    obs, shapes = section.table.obs, section.sdata.shapes
    if layer is None or Keys.likelihood(key) not in obs or section.element not in shapes:
        return
    names = shapes[section.element].index
    if len(layer.data) != len(names):
        return
    import matplotlib as mpl
    import pandas as pd

    scored = pd.Series(obs[Keys.likelihood(key)].to_numpy(float)[section.rows], index=section.instance_ids)
    likelihood = scored.reindex(names).to_numpy()
    colours = mpl.colormaps["viridis"](np.nan_to_num(likelihood))
    colours[np.isnan(likelihood), 3] = 0.0
    layer.face_color = colours
