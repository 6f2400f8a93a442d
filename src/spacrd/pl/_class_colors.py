"""Colours of annotated classes: cancer in the colours of called cancer, other tissue apart from it."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from .._classes import class_name
from .._keys import REGION_COLORS
from .._sections import result_record

if TYPE_CHECKING:
    from anndata import AnnData

CANCER_COLORS = ("#D55E00", "#E69F00", "#A63603", "#FDBE6F", "#7F2704")
"""Okabe and Ito's vermilion, as called cancer has it, and orange; then shades of both."""
OTHER_COLORS = ("#0072B2", "#009E73", "#56B4E9", "#CC79A7", "#F0E442", "#C8C8C8", "#44AA99", "#332288", "#999933")
"""Okabe and Ito's colours without those of cancer and without black, which is not seen on black; then Paul Tol's."""
_CANCER = re.compile(
    r"cancer|tumou?r|carcinoma|malignan|neoplas|invasive|in situ|metasta|melanoma|sarcoma|lymphoma|glioma|dcis|lcis|"
    r"\b(idc|ilc|pdac)\b"
)
_NOT_CANCER = re.compile(
    r"\b(no|non|not|without)\b|normal|healthy|benign|adjacent|surround|stroma|immune|lymphocyt|\btils?\b|associated|"
    r"margin|free\b"
)
_FIRST = re.compile(r"invasive|infiltrating carcinoma|\btumou?r\b|^cancer$")
"""Cancer that gets the first colour."""
_TISSUES = (
    (re.compile(r"adipo|\bfat\b|fatty"), "#56B4E9"),
    (re.compile(r"immun|lymph|inflam|tls|plasma"), "#CC79A7"),
    (re.compile(r"stroma|connective|fibro|collagen"), "#009E73"),
    (re.compile(r"gland|normal|healthy|benign|epithel|duct"), "#0072B2"),
    (re.compile(r"necro|blood|vessel|vascul"), "#C8C8C8"),
)
"""Tissue whose usual names get the same colour in every study, as far as it is free."""


def class_colors(table: AnnData, column: str, key: str) -> dict[str, Any]:
    """Return the colours of the classes of a column.

    Those stored with the data; else those of called regions; else colours of cancer for the classes that the model of
    the result ``key`` was fitted on as cancer, or that are named like cancer, and others for the rest.
    """
    classes = [str(name) for name in table.obs[column].astype("category").cat.categories]
    stored = list(table.uns.get(f"{column}_colors", []))
    if len(stored) == len(classes):
        return dict(zip(classes, stored, strict=True))
    if set(classes) <= set(REGION_COLORS):
        return {name: REGION_COLORS[name] for name in classes}
    positive = {class_name(name) for name in np.ravel(result_record(table, key).get("positive", []))}
    fitted = {name for name in classes if class_name(name) in positive}
    cancer = [name for name in classes if name in fitted] if fitted else list(filter(is_cancer, classes))
    return palette(classes, cancer)


def is_cancer(name: str) -> bool:
    """Tell whether a class is named like cancer, in English."""
    lower = re.sub(r"[_-]+", " ", name.casefold())
    return _CANCER.search(lower) is not None and _NOT_CANCER.search(lower) is None


def palette(classes: Sequence[str], cancer: Collection[str]) -> dict[str, Any]:
    """Choose a colour for each class, each another one: those of cancer like cancer, and no other class so."""
    first = sorted(cancer, key=lambda name: _FIRST.search(name.casefold()) is None)
    colors = dict(zip(first, _enough(CANCER_COLORS, len(first), (0.75, 0.98)), strict=False))
    others = [name for name in classes if name not in colors]
    colors |= _usual(others)
    rest = [name for name in others if name not in colors]
    free = [color for color in _enough(OTHER_COLORS, len(others), (0.02, 0.6)) if color not in colors.values()]
    colors |= dict(zip(rest, free, strict=False))
    return {name: colors[name] for name in classes}


def _usual(names: Sequence[str]) -> Mapping[str, str]:
    """Give tissues with usual names their colours, each colour once."""
    colors: dict[str, str] = {}
    for name in names:
        color = next((color for pattern, color in _TISSUES if pattern.search(name.casefold())), None)
        if color is not None and color not in colors.values():
            colors[name] = color
    return colors


def _enough(listed: Sequence[str], n: int, part: tuple[float, float]) -> list[Any]:
    """Return at least ``n`` colours: those listed if they are enough, else ``n`` of a part of a colour map."""
    if n <= len(listed):
        return list(listed)
    import matplotlib as mpl

    return [mpl.colors.to_hex(color) for color in mpl.colormaps["turbo"](np.linspace(*part, n))]
