"""Patches of the spots that stand out, as the encoder saw them."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from .._checks import check_key, check_positive_int, quote_names
from .._keys import Keys
from .._sections import (
    ScoredSection,
    Section,
    Selection,
    get_table,
    place_on_image,
    recorded_embeddings,
    result_record,
    scored_sections,
    split_sections,
    with_scale,
)
from ..image import Cutter
from ._figure import finish, ink, panels, plain

if TYPE_CHECKING:
    from anndata import AnnData
    from matplotlib.axes import Axes
    from spatialdata import SpatialData

Spot = tuple[int, int]
"""Section and row within it."""


def _choose_rep(sections: Sequence[ScoredSection], image_rep: str | None) -> str:
    recorded = list(dict.fromkeys(rep for scored in sections for rep in recorded_embeddings(scored.section)))
    hint = "Make one with spacrd.pp.extract_patches."
    if image_rep is not None:
        return check_key(image_rep, recorded, "patch embedding that extract_patches recorded", hint=hint)
    if not recorded:
        raise ValueError(f"No section has patches that spacrd.pp.extract_patches cut, so none can be shown. {hint}")
    if len(recorded) > 1:
        raise ValueError(
            f"There are several embeddings and none is named: {quote_names(recorded)}. Name one with `image_rep`."
        )
    return recorded[0]


def _cut(section: Section, rep: str, rows: np.ndarray) -> np.ndarray:
    """Cut the patches of some rows, (rows, size, size, 3): the same pixels that were embedded."""
    record = result_record(section.table, rep)
    facts = record["sections"][Keys.section(section.name)]
    system = str(facts.get("coordinate_system", "")) or None
    selection = Selection(image_key=str(facts["image"]), coordinate_system=system)
    placement = with_scale(place_on_image(section, selection), section, mpp=float(facts["mpp"]))
    side = float(facts["patch_um"]) / placement.um_per_unit
    size, level = int(record["size"]), int(facts["level"])
    cutter = Cutter(placement.pyramid, placement.xy[rows], side=side, size=size, level=level)
    patches: np.ndarray
    ((order, patches),) = cutter.batches([cutter.order])
    return patches[np.argsort(order)]


def _usable(scored: ScoredSection, rep: str) -> np.ndarray:
    """Find the spots with a likelihood and a patch, (n,)."""
    section = scored.section
    if Keys.section(section.name) not in result_record(section.table, rep)["sections"]:
        return np.zeros(len(scored.likelihood), bool)
    in_image = section.table.obs.get(Keys.IN_IMAGE)
    on_image = True if in_image is None else in_image.to_numpy(bool)[section.rows]
    return np.ones(len(scored.likelihood), bool) & on_image


def _sections(data: Any, key: str, selection: Selection) -> list[ScoredSection]:
    """Return the sections with their scores; without any if they were not scored and no result was named."""
    table = get_table(data, selection.table_key)
    if key != Keys.DEFAULT or Keys.likelihood(key) in table.obs:
        return scored_sections(data, key, selection)
    return [
        ScoredSection(section, missing, missing, np.full(len(missing), None, dtype=object), {})
        for section in split_sections(data, selection)
        for missing in [np.full(len(section.rows), np.nan)]
    ]


def _groups(sections: Sequence[ScoredSection], rep: str, n: int) -> dict[str, list[Spot]]:
    """Choose the spots to show, best first: highest and lowest likelihood, and the most uncertain ones.

    Without scores, choose spots evenly over the rows.
    """
    usable = [_usable(scored, rep) for scored in sections]
    scores_exist = any(len(scored.report) or np.isfinite(scored.likelihood).any() for scored in sections)
    if scores_exist:
        usable = [mask & np.isfinite(scored.likelihood) for mask, scored in zip(usable, sections, strict=True)]
    spots = np.concatenate(
        [np.column_stack([np.full(mask.sum(), i), np.flatnonzero(mask)]) for i, mask in enumerate(usable)]
    )
    if not len(spots):
        raise ValueError("No scored spot lies on an image, so there is no patch to show.")
    if not scores_exist:
        chosen = spots[np.linspace(0, len(spots) - 1, min(n, len(spots))).round().astype(int)]
        return {"spots": [(int(i), int(row)) for i, row in chosen]}
    likelihood, uncertainty, threshold = (
        np.concatenate([values[mask] for values, mask in zip(arrays, usable, strict=True)])
        for arrays in (
            [scored.likelihood for scored in sections],
            [scored.uncertainty for scored in sections],
            [np.full(len(s.likelihood), s.threshold if np.isfinite(s.threshold) else 0.5) for s in sections],
        )
    )
    if np.isfinite(uncertainty).any():
        doubt, name = np.nan_to_num(uncertainty, nan=-1.0), "most uncertain"
    else:  # a model that is not calibrated says no uncertainty
        doubt, name = -np.abs(likelihood - threshold), "nearest to the threshold"
    order = {"highest": -likelihood, "lowest": likelihood, name: -doubt}
    return {
        title: [(int(i), int(row)) for i, row in spots[np.argsort(values, kind="stable")[:n]]]
        for title, values in order.items()
    }


def _title(scored: ScoredSection, row: int, several: bool) -> str:
    text = f"{scored.likelihood[row]:.2f}" if np.isfinite(scored.likelihood[row]) else ""
    if np.isfinite(scored.uncertainty[row]):
        text += f" ± {scored.uncertainty[row]:.2f}"
    return f"{plain(scored.section.name)}\n{text}" if several else text


def patches(
    data: AnnData | SpatialData,
    *,
    n: int = 6,
    key: str = "spacrd",
    image_rep: str | None = None,
    library_key: str | None = None,
    table_key: str = "table",
    ax: Sequence[Axes] | None = None,
    show: bool | None = None,
    save: str | os.PathLike[str] | None = None,
) -> list[Axes]:
    """Show the patches of the highest, the lowest and the most uncertain spots, as the encoder saw them.

    Patches are cut from the image again, at the place, level and size that :func:`spacrd.pp.extract_patches`
    recorded. Above each stands its likelihood, and its uncertainty if the model is calibrated; if it is not, the third
    row shows the spots nearest to the threshold. Before scoring, one row shows spots of the whole table.

    Parameters
    ----------
    data
        Sections with patches. Spots of all sections are ranked together.
    n
        Patches of a row; fewer if there are fewer spots.
    key
        Name of the result, ``key_added`` of :func:`spacrd.tl.score`.
    image_rep
        Embedding in ``.obsm`` whose patches are shown; by default the only one.
    library_key
        Column of ``.obs`` that tells sections apart. By default as in scoring.
    table_key
        Table of a SpatialData.
    ax
        Axes to draw on, three rows of ``n``, or one before scoring; a new figure by default.
    show
        Whether to show the figure. It is returned either way.
    save
        File to write the figure to.

    Returns
    -------
    The Axes, row by row.

    Raises
    ------
    KeyError
        If the result or the embedding does not exist.
    ValueError
        If no patches were extracted, or with several embeddings and none named.

    Examples
    --------
    >>> import spacrd
    >>> *training, section = (spacrd.datasets.toy_visium(n_rows=10, n_cols=10, n_genes=60, seed=i) for i in range(3))
    >>> spacrd.pp.extract_patches([*training, section])
    >>> model = spacrd.tl.fit(training, "pathologist", positive="invasive cancer")
    >>> spacrd.tl.score(section, model)
    >>> ax = spacrd.pl.patches(section, n=4, save="patches.png")
    """
    check_positive_int(n, "n")
    sections = _sections(data, key, Selection(table_key=table_key, library_key=library_key))
    rep = _choose_rep(sections, image_rep)
    groups = _groups(sections, rep, n)
    shown = [spot for spots in groups.values() for spot in spots]
    pixels: dict[Spot, np.ndarray] = {}
    for number, scored in enumerate(sections):
        rows = sorted({row for i, row in shown if i == number})
        if rows:
            cut = _cut(scored.section, rep, np.array(rows))
            pixels |= {(number, row): patch for row, patch in zip(rows, cut, strict=True)}
    n = len(next(iter(groups.values())))
    axes = panels(len(groups) * n, ax, size=(1.3, 1.55), ncols=n)
    for panel, spot in zip(axes, shown, strict=True):
        panel.imshow(pixels[spot], interpolation="nearest")
        panel.set_title(_title(sections[spot[0]], spot[1], len(sections) > 1), fontsize="small")
        panel.set_xticks([])
        panel.set_yticks([])
        panel.spines[:].set_color("0.6")
    last = sections[shown[-1][0]].section
    side = float(result_record(last.table, rep)["sections"][Keys.section(last.name)]["patch_um"])
    axes[-1].set_xlabel(f"{side:.3g} µm wide", fontsize="small")
    for panel, title in zip(axes[::n], groups, strict=True):
        panel.set_ylabel(title.replace(" to the ", " to\nthe ").replace("most ", "most\n"), color=ink())
    finished = finish(axes, show=show, save=save)
    assert isinstance(finished, list)
    return finished
