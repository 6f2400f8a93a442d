"""Tissue of a simulated section: which class lies where, on a coarse grid."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from PIL import Image
from scipy import ndimage

CLASSES = (
    "connective tissue",
    "adipose tissue",
    "breast glands",
    "immune infiltrate",
    "cancer in situ",
    "invasive cancer",
)
STROMA, FAT, GLANDS, IMMUNE, IN_SITU, INVASIVE = range(len(CLASSES))
OUTSIDE = -1
BLAND = len(CLASSES)
"""Only drawn, never a label: crowded but harmless epithelium, which an image alone can mistake for cancer."""
GRID_UM = 4.0
"""Side of one cell of the class map, in um."""


@dataclass(frozen=True)
class TissueMap:
    """Class map of a section and the round structures drawn into it.

    Attributes
    ----------
    classes
        int8 ``(height, width)``, one class number per grid cell of :data:`GRID_UM`; -1 is outside the tissue.
    drawn
        The same with what is drawn there: stroma between the strands of loose tumour, :data:`BLAND` in some lobules.
    acini
        float ``(n, 3)``: centre x, y and radius of each gland cross-section, um.
    ducts
        float ``(n, 3)``: the same for each duct filled with cancer in situ.
    """

    classes: np.ndarray
    drawn: np.ndarray
    acini: np.ndarray
    ducts: np.ndarray

    def fractions(self, xy_um: np.ndarray, sigma_um: float) -> np.ndarray:
        """Compute class shares around each point, float ``(n, n_classes)``; rows sum to 1 inside the tissue."""
        step = max(1, int(sigma_um / GRID_UM / 4))
        classes = self.classes[::step, ::step]
        rows, columns = np.clip((xy_um[:, ::-1] / (GRID_UM * step)).astype(int), 0, np.array(classes.shape) - 1).T
        blur = sigma_um / (GRID_UM * step)
        masks = (np.equal(classes, number).astype(np.float32) for number in range(len(CLASSES)))
        shares = np.stack([ndimage.gaussian_filter(mask, blur)[rows, columns] for mask in masks], axis=1)
        return shares / np.maximum(shares.sum(axis=1, keepdims=True), 1e-6)


def stretch(field: np.ndarray, shape: tuple[int, int], *, smooth: bool = False) -> np.ndarray:
    """Resample a field to another shape, float32, linearly or with a cubic kernel."""
    how = Image.Resampling.BICUBIC if smooth else Image.Resampling.BILINEAR
    image = Image.fromarray(np.ascontiguousarray(field, dtype=np.float32))
    return np.asarray(image.resize((shape[1], shape[0]), how))


def smooth_noise(rng: np.random.Generator, shape: tuple[int, int], sigma: float) -> np.ndarray:
    """Draw a Gaussian random field with unit variance, float32; ``sigma`` in grid cells."""
    step = max(1, int(sigma / 4))
    small = (shape[0] // step + 2, shape[1] // step + 2)
    field = ndimage.gaussian_filter(rng.standard_normal(small, dtype=np.float32), sigma / step, mode="wrap")
    field = stretch(field, (small[0] * step, small[1] * step), smooth=True)[: shape[0], : shape[1]]
    return (field - field.mean()) / max(float(field.std()), 1e-6)


def _top(field: np.ndarray, where: np.ndarray, share: float) -> np.ndarray:
    """Mark the cells of ``where`` whose field is among the highest ``share`` of it."""
    if not where.any():
        return where
    return where & (field > np.quantile(field[where], 1.0 - share))


def _discs(shape: tuple[int, int], circles: np.ndarray, wobble: np.ndarray) -> np.ndarray:
    """Mark the cells inside any of the circles (um), their outlines bent by ``wobble`` (um)."""
    inside = np.zeros(shape, dtype=bool)
    for x, y, radius in circles:
        reach = radius + 60
        top, left = (max(0, int((c - reach) / GRID_UM)) for c in (y, x))
        bottom, right = (int((c + reach) / GRID_UM) + 1 for c in (y, x))
        window = (slice(top, bottom), slice(left, right))
        local = inside[window]
        rows, columns = np.mgrid[top : top + local.shape[0], left : left + local.shape[1]]
        distance = np.hypot((columns + 0.5) * GRID_UM - x, (rows + 0.5) * GRID_UM - y)
        local |= distance + wobble[window] < radius
    return inside


def _scatter(
    rng: np.random.Generator, where: np.ndarray, n: int, radius: tuple[float, float], gap: float
) -> np.ndarray:
    """Place up to ``n`` circles (um) centred in ``where`` that keep ``gap`` um from each other."""
    cells = np.argwhere(where)
    circles: list[tuple[float, float, float]] = []
    if len(cells):
        for row, column in cells[rng.integers(len(cells), size=12 * n)]:
            r = rng.uniform(*radius)
            x, y = (column + 0.5) * GRID_UM, (row + 0.5) * GRID_UM
            if all(np.hypot(x - other[0], y - other[1]) > r + other[2] + gap for other in circles):
                circles.append((x, y, r))
                if len(circles) == n:
                    break
    return np.array(circles, dtype=float).reshape(-1, 3)


def grow_tissue(rng: np.random.Generator, width_um: float, height_um: float, *, tumour: bool) -> TissueMap:
    """Draw the class map of one section.

    Parameters
    ----------
    rng
        Source of every random choice.
    width_um, height_um
        Size of the image, um.
    tumour
        Whether the section holds invasive cancer and cancer in situ.
    """
    shape = (int(np.ceil(height_um / GRID_UM)), int(np.ceil(width_um / GRID_UM)))

    def noise(sigma_um: float) -> np.ndarray:
        return smooth_noise(rng, shape, sigma_um / GRID_UM)

    # Distance to the rim of a rounded rectangle, bent: the outline of the section.
    y, x = np.mgrid[: shape[0], : shape[1]].astype(np.float32) * GRID_UM
    across, down = 2 * x / width_um - 1, 2 * y / height_um - 1
    reach = (np.abs(across) ** 3 + np.abs(down) ** 3) ** (1 / 3)
    inside = reach + 0.045 * np.clip(noise(260), -1.3, 2.0) + 0.012 * noise(50) < 0.9
    areas, _ = ndimage.label(inside)
    inside = areas == np.bincount(areas[areas > 0], minlength=2).argmax()

    classes = np.where(inside, STROMA, OUTSIDE).astype(np.int8)
    bends = noise(45)
    lie = noise(380)
    fat = _top(-lie + 0.35 * noise(120), inside, rng.uniform(0.14, 0.24)) & (bends > -1.6)
    classes[fat] = FAT

    nests = np.zeros(shape, dtype=bool)
    ducts = np.empty((0, 3))
    if tumour:
        area = _top(lie + 0.3 * noise(150), inside & ~fat, rng.uniform(0.40, 0.52))
        nests = ndimage.binary_opening(area & (noise(52) + 0.25 * bends > -0.45), iterations=3)
    free = inside & ~fat & ~ndimage.binary_dilation(nests, iterations=int(130 / GRID_UM))
    free &= ndimage.binary_erosion(inside, iterations=int(120 / GRID_UM))
    if tumour:
        ducts = _scatter(rng, free, int(rng.integers(3, 6)), (100, 165), 60)
        in_situ = _discs(shape, ducts, 9 * bends)
        classes[in_situ] = IN_SITU
        free &= ~ndimage.binary_dilation(in_situ, iterations=int(60 / GRID_UM))
    classes[nests] = INVASIVE

    lobules = _scatter(rng, free, int(rng.integers(5, 9)), (120, 230), 40)
    lobe = _discs(shape, lobules, 25 * bends) & (classes == STROMA)
    classes[lobe] = GLANDS
    dense = lobe & _discs(shape, lobules[::3], 25 * bends)
    open_lobe = ndimage.binary_erosion(lobe & ~dense, iterations=int(28 / GRID_UM))
    acini = _scatter(rng, open_lobe, 40 * len(lobules), (22, 40), 9)

    beds = _scatter(rng, inside & (classes == STROMA), int(rng.integers(7, 12)), (70, 160), 30)
    immune = _discs(shape, beds, 30 * bends) & (classes == STROMA)
    classes[immune] = IMMUNE

    drawn = classes.copy()
    loose = (classes == INVASIVE) & (noise(190) > 0.3)
    drawn[loose & (np.abs(noise(13)) > 0.55)] = STROMA
    drawn[dense & (noise(16) > -0.7)] = BLAND
    return TissueMap(classes, drawn, acini, ducts)
