"""Names that spacrd writes into ``obs``, ``obsm``, ``varm``, ``uns`` and ``shapes``."""

from __future__ import annotations

import re
import unicodedata

LONGEST = 80
"""Bytes of a name that is stored as it is."""
_TEXT = re.compile(r"(?!__)\w([\w .,;()+=#&'%@-]*[\w,;()+=#&'%@-])?")
"""Names that zarr, HDF5 and Windows store."""
_WORD = re.compile(r"(?!__)\w([\w.-]*[\w-])?")
"""Names of elements of spatialdata among them."""
_DEVICES = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE)
"""Names that Windows keeps for devices, whatever their suffix."""
_RESERVED = ("zarr.json", "_index")
_ESCAPED = re.compile(r".*-[0-9a-f]{16}", re.DOTALL)


class Keys:
    """Names of the slots spacrd writes to. ``{key}`` stands for ``key_added``."""

    UNS = "spacrd"
    """``.uns["spacrd"]``: one entry per result, named after its key."""

    IN_IMAGE = "spacrd_in_image"
    """``.obs``: whether the centre of a spot lies on the image; where not, its embedding is NaN."""

    PADDED = "spacrd_padded"
    """``.obs``: whether the patch of a spot reaches beyond the border and was filled by reflection."""

    IN_TISSUE = "in_tissue"
    """``.obs`` column of Space Ranger: 0 for spots that lie off the tissue."""

    DEFAULT = "spacrd"
    """Default ``key_added`` of :func:`spacrd.tl.score`."""

    PSEUDOSPOTS = "pseudospots"
    """Record of :func:`spacrd.pp.pseudospots` in ``.uns["spacrd"]``."""

    SPATIAL = "spatial"
    """``.obsm`` and ``.uns`` slot of coordinates and images, as scanpy and squidpy use it."""

    @staticmethod
    def embedding(encoder: str) -> str:
        """``.obsm`` slot of the patch embedding made by ``encoder``."""
        return _escaped(f"X_{Keys.plain(encoder)}", _TEXT)

    @staticmethod
    def plain(encoder: str) -> str:
        """Return the name of an encoder without the characters of paths and hub ids that AnnData forbids."""
        return re.sub(r"[/:\\\s]+", "_", encoder)

    @staticmethod
    def likelihood(key: str = DEFAULT) -> str:
        """``.obs`` slot of the cancer likelihood."""
        return f"{key}_likelihood"

    @staticmethod
    def region(key: str = DEFAULT) -> str:
        """``.obs`` slot of the called region."""
        return f"{key}_region"

    @staticmethod
    def uncertainty(key: str = DEFAULT) -> str:
        """``.obs`` slot of the uncertainty of the likelihood."""
        return f"{key}_uncertainty"

    @staticmethod
    def region_colors(key: str = DEFAULT) -> str:
        """``.uns`` slot of the colours of the called regions, as scanpy reads it."""
        return f"{key}_region_colors"

    @staticmethod
    def regions(key: str = DEFAULT, section: str | None = None) -> str:
        """``.shapes`` slot of the outlines of called cancer, of one of several sections if it is named."""
        return f"{key}_regions" if section is None else f"{key}_regions_{Keys.element(section)}"

    @staticmethod
    def boundary_distance(key: str = DEFAULT) -> str:
        """``.obs`` slot of the distance to the boundary of called cancer in micrometres."""
        return f"{key}_boundary_distance"

    @staticmethod
    def latent(key: str = DEFAULT) -> str:
        """``.obsm`` slot of the latent embedding."""
        return f"X_{key}"

    @staticmethod
    def contributions(key: str = DEFAULT) -> str:
        """``.obsm`` slot of the modalities' contributions to each logit, and ``.varm`` slot of the genes' by region."""
        return f"{key}_contributions"

    @staticmethod
    def sources(key: str = DEFAULT) -> str:
        """``.obsm`` slot of where the evidence for each logit lies."""
        return f"{key}_sources"

    @staticmethod
    def explanation(key: str = DEFAULT) -> str:
        """Record of :func:`spacrd.tl.explain` in ``.uns["spacrd"]``; no ``.obsm`` slot bears this name."""
        return f"{key}_explanation"

    @staticmethod
    def section(section: str) -> str:
        """Return the name of a section inside ``.uns``: no two sections share one.

        What zarr, HDF5 or Windows do not store under its own name gets another: its letters, and 16 digits of its
        SHA-256.
        """
        return _escaped(section, _TEXT)

    @staticmethod
    def element(section: str) -> str:
        """Return the name of a section inside that of an element, which spatialdata makes of fewer characters."""
        return _escaped(section, _WORD)

    @staticmethod
    def patches(section: str, encoder: str) -> str:
        """``.shapes`` slot of the patch squares of one section."""
        return f"{Keys.element(section)}_{Keys.element(Keys.plain(encoder))}_patches"


def is_storable(name: str) -> bool:
    """Tell whether AnnData and SpatialData can keep this name on every file system, also as a part of a longer one."""
    return (
        _TEXT.fullmatch(name) is not None
        and len(name.encode()) <= LONGEST
        and unicodedata.is_normalized("NFC", name)  # macOS does not tell the forms apart
        and _DEVICES.fullmatch(name) is None
        and name.lower() not in _RESERVED
    )


def _escaped(name: str, kept: re.Pattern[str]) -> str:
    """Return a name that can be stored, of the characters that ``kept`` allows; different ones for different names."""
    if kept.fullmatch(name) and is_storable(name) and not _ESCAPED.fullmatch(name):
        return name
    import hashlib

    start = re.sub(r"[^\w-]+", "_", unicodedata.normalize("NFC", name)).strip("_-")
    start = start.encode()[: LONGEST // 2].decode(errors="ignore")
    return f"{start or 'section'}-{hashlib.sha256(name.encode(errors='surrogatepass')).hexdigest()[:16]}"


NORMAL = "normal"
CANCER = "cancer"
UNCERTAIN = "uncertain"
"""Categories of ``.obs["spacrd_region"]``; spots without a likelihood are NaN."""

REGION_COLORS = {NORMAL: "#0072B2", CANCER: "#D55E00", UNCERTAIN: "#999999"}
"""Okabe and Ito's blue and vermilion, apart for colour-blind readers and both apart from H&E, and grey."""

TUMOUR, NO_TUMOUR, UNCLEAR = "tumour", "no tumour", "unclear"
"""Verdicts on a section."""

MODALITY_TITLES = {"image+expression": "image and expression", "image": "image alone", "expression": "expression alone"}
"""What a section was scored from, as a reader is told."""
