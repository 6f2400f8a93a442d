"""H&E-like image of a simulated section, drawn as amounts of two stains."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from scipy import ndimage
from scipy.spatial import cKDTree

from ._toy_nuclei import NUCLEI, Nuclei, ring, scatter_nuclei, stamp_nuclei
from ._toy_tissue import (
    BLAND,
    FAT,
    GRID_UM,
    IMMUNE,
    IN_SITU,
    INVASIVE,
    OUTSIDE,
    STROMA,
    TissueMap,
    smooth_noise,
    stretch,
)

_HEMATOXYLIN = np.array([0.61, 0.72, 0.33])
_EOSIN = np.array([0.15, 0.88, 0.46])
_WHITE = np.array([245.0, 243.0, 246.0])


def _upsample(field: np.ndarray, shape: tuple[int, int], mpp: float) -> np.ndarray:
    """Stretch a field on the class-map grid over the image."""
    whole = (round(field.shape[0] * GRID_UM / mpp), round(field.shape[1] * GRID_UM / mpp))
    return stretch(field, whole)[: shape[0], : shape[1]]


def _ramp(values: np.ndarray, low: float, high: float) -> np.ndarray:
    return np.clip((values - low) / (high - low), 0.0, 1.0)


def _fibres(
    rng: np.random.Generator, shape: tuple[int, int], grid: tuple[int, int], mpp: float
) -> tuple[np.ndarray, np.ndarray]:
    """Draw wavy strands (float32, unit variance, in pixels) and their direction (radians, on the class-map grid)."""
    side = 1024
    strands = rng.standard_normal((side, side), dtype=np.float32)
    coarse = ndimage.gaussian_filter(strands, (3.2 / mpp, 20 / mpp), mode="wrap", truncate=2.5)
    strands = ndimage.gaussian_filter(strands, (1.0 / mpp, 8 / mpp), mode="wrap", truncate=2.5)
    strands = 0.75 * coarse / coarse.std() + 0.65 * strands / strands.std()
    # Reading the strands at bent places makes them wave; they repeat after `side` pixels without a seam.
    slope = rng.uniform(-0.5, 0.5)
    bend = 70 * smooth_noise(rng, grid, 120 / GRID_UM) + 7 * smooth_noise(rng, grid, 26 / GRID_UM)
    slide = _upsample(60 * smooth_noise(rng, grid, 150 / GRID_UM), shape, mpp)
    rows = np.arange(shape[0], dtype=np.float32)[:, None] + (slope * np.arange(shape[1], dtype=np.float32))[None]
    rows = (rows + _upsample(bend, shape, mpp) / mpp).astype(np.int32) % side
    columns = (np.arange(shape[1], dtype=np.float32)[None] + slide / mpp).astype(np.int32) % side
    down, across = np.gradient(bend, GRID_UM)
    return strands[rows, columns], np.arctan2(-(slope + across), 1 + down)


def _fat_walls(rng: np.random.Generator, where: np.ndarray, mpp: float) -> np.ndarray:
    """Measure how far each pixel of ``where`` is from the wall between two fat cells, um; 0 elsewhere."""
    step = max(1, round(2 / mpp))
    coarse = where[::step, ::step]
    pixels = np.argwhere(coarse) * (step * mpp)
    walls = np.zeros(coarse.shape, dtype=np.float32)
    if len(pixels):
        pitch = 58.0
        y, x = np.meshgrid(*(np.arange(-pitch, n * step * mpp + pitch, pitch) for n in coarse.shape), indexing="ij")
        x = x + (np.arange(len(x)) % 2)[:, None] * pitch / 2
        centres = np.stack([y, x], axis=-1).reshape(-1, 2)
        centres += rng.normal(0.0, 0.2 * pitch, centres.shape)
        distance, _ = cKDTree(centres).query(pixels, k=3)
        # The third neighbour rounds the corners where three cells meet.
        walls[coarse] = distance[:, 1] - distance[:, 0] - 7 * np.exp((distance[:, 0] - distance[:, 2]) / 9)
    return stretch(walls, (len(coarse) * step, coarse.shape[1] * step))[: where.shape[0], : where.shape[1]]


def paint(rng: np.random.Generator, tissue: TissueMap, shape: tuple[int, int], mpp: float) -> np.ndarray:
    """Draw the section, uint8 RGB ``(height, width, 3)``.

    Parameters
    ----------
    rng
        Source of every random choice, the stain of the section among them.
    tissue
        What lies where.
    shape
        Height and width of the image, pixels.
    mpp
        um per pixel.
    """
    grid = tissue.drawn.shape

    def soft(*numbers: int, blur: float = 4.5) -> np.ndarray:
        mask = ndimage.gaussian_filter(np.isin(tissue.drawn, numbers).astype(np.float32), blur / GRID_UM)
        return _ramp(_upsample(mask, shape, mpp), 0.32, 0.68)

    fibre, direction = _fibres(rng, shape, grid, mpp)
    patchy = _upsample(smooth_noise(rng, grid, 70 / GRID_UM), shape, mpp)
    fat, immune, epithelium = soft(FAT), soft(IMMUNE), soft(INVASIVE, IN_SITU, BLAND)

    # Stroma: strands of collagen, split here and there. Nests: cytoplasm, shrunk from the stroma by a pale seam.
    eosin = (0.40 + 0.065 * fibre + 0.04 * patchy) * (1 - 0.9 * _ramp(-fibre - 0.8 * patchy, 1.6, 2.2))
    eosin = eosin * (1 - immune) + 0.27 * immune
    eosin = eosin * (1 - epithelium) + epithelium * (0.35 + 0.035 * patchy + 0.015 * fibre)
    eosin *= 1 - 0.5 * np.exp(-(((epithelium - 0.25) / 0.15) ** 2))
    hematoxylin = 0.05 + 0.015 * fibre + 0.14 * epithelium + 0.10 * immune
    membrane = 1 - _ramp(_fat_walls(rng, fat > 0.02, mpp), 0.6, 3.2)
    eosin = eosin * (1 - fat) + fat * membrane * 0.36
    hematoxylin = hematoxylin * (1 - fat) + fat * membrane * 0.06

    holes = _holes(rng, tissue)
    for x, y, radius, pink in holes:
        _fill(rng, eosin, hematoxylin, (x, y, radius), pink=0.62 * pink, blue=0.16 * pink, mpp=mpp)
    ink = _nuclei(rng, tissue, holes, membrane, direction, mpp)
    inside = 1 - soft(OUTSIDE)
    hematoxylin = np.maximum(hematoxylin, ink) * inside
    eosin = np.where(ink > 0.3, 0.75 * eosin + 0.08, eosin) * inside
    return _develop(rng, hematoxylin, eosin)


def _holes(rng: np.random.Generator, tissue: TissueMap) -> np.ndarray:
    """Place lumens (white) and dead cores of ducts (pink): x, y, radius in um, how pink (0 to 1)."""
    holes = [(x, y, radius - 14.0, 0.0) for x, y, radius in tissue.acini]
    for x, y, radius in tissue.ducts:
        if rng.random() < 0.5:
            holes.append((x, y, 0.45 * radius, 1.0))
            continue
        for turn in np.arange(rng.integers(3, 7)):
            angle = turn * 2.4 + rng.uniform(0, 0.5)
            far = radius * rng.uniform(0.25, 0.62)
            holes.append((x + far * np.cos(angle), y + far * np.sin(angle), rng.uniform(11, 22), 0.0))
    return np.array(holes, dtype=float).reshape(-1, 4)


def _fill(
    rng: np.random.Generator,
    eosin: np.ndarray,
    hematoxylin: np.ndarray,
    circle: tuple[float, float, float],
    *,
    pink: float,
    blue: float,
    mpp: float,
) -> None:
    """Fill a wobbly circle (um) with these amounts of stain and put 14 um of cytoplasm around it, in place."""
    x, y, radius = circle
    reach = radius + 18
    window = tuple(slice(max(0, int((c - reach) / mpp)), max(0, int((c + reach) / mpp)) + 1) for c in (y, x))
    e, h = eosin[window], hematoxylin[window]
    down = (np.arange(e.shape[0]) + window[0].start)[:, None] * mpp - y
    across = (np.arange(e.shape[1]) + window[1].start)[None] * mpp - x
    turn = np.arctan2(down, across)
    wave = 1 + 0.09 * np.cos(3 * turn + rng.uniform(0, 6)) + 0.07 * np.cos(2 * turn + rng.uniform(0, 6))
    distance = np.hypot(across, down) * wave
    rim, core = 1 - _ramp(distance, radius + 13, radius + 16), 1 - _ramp(distance, radius - 1.5, radius + 1.5)
    grain = 1 + 0.12 * rng.standard_normal(e.shape)
    e[:] = (e * (1 - rim) + 0.36 * rim) * (1 - core) + core * pink * grain
    h[:] = (h * (1 - rim) + 0.14 * rim) * (1 - core) + core * blue * grain


def _nuclei(
    rng: np.random.Generator,
    tissue: TissueMap,
    holes: np.ndarray,
    membrane: np.ndarray,
    direction: np.ndarray,
    mpp: float,
) -> np.ndarray:
    """Draw the optical density of hematoxylin in the nuclei, float32, of the shape of ``membrane``."""
    ink = np.zeros(membrane.shape, dtype=np.float32)
    drawn = tissue.drawn.copy()
    down, across = np.mgrid[: drawn.shape[0], : drawn.shape[1]] * GRID_UM
    for x, y, radius, _ in holes:
        drawn[np.hypot(across - x, down - y) < radius + 3] = OUTSIDE
    # Sections differ in how crowded, large and dark nuclei are, so the image has a batch effect too.
    crowd, size, dark = np.exp(rng.normal(0, (0.09, 0.05, 0.08)))
    for number, look in NUCLEI.items():
        look = replace(look, spacing=look.spacing * crowd, radius=look.radius * size, dark=look.dark * dark)
        xy = scatter_nuclei(rng, drawn, number, look)
        if number == FAT:
            rows, columns = np.clip((xy[:, ::-1] / mpp).astype(int), 0, np.array(ink.shape) - 1).T
            xy = xy[membrane[rows, columns] > 0.3]
        angle = rng.uniform(0, np.pi, len(xy))
        if number == STROMA:
            rows, columns = np.clip((xy[:, ::-1] / GRID_UM).astype(int), 0, np.array(drawn.shape) - 1).T
            angle = direction[rows, columns] + rng.normal(0, 0.2, len(xy))
        stamp_nuclei(rng, ink, xy, look, mpp, angle)
    strays = scatter_nuclei(rng, drawn, STROMA, replace(NUCLEI[IMMUNE], spacing=26.0, keep=rng.uniform(0.1, 0.5)))
    stamp_nuclei(rng, ink, strays, NUCLEI[IMMUNE], mpp, np.zeros(len(strays)))
    # Around every gland: tall cells looking at the lumen, flat ones outside; flat ones around every duct too.
    flat, tall = Nuclei(13.0, 2.0, 2.4, 0.0, 0.9, 1.0), Nuclei(6.6, 3.1, 1.5, 0.0, 0.95, 1.0)
    for circles, look, turn in (
        (tissue.acini - np.array([0, 0, 7.0]), tall, 0.0),
        (tissue.acini + np.array([0, 0, 1.0]), flat, np.pi / 2),
        (tissue.ducts + np.array([0, 0, 3.0]), flat, np.pi / 2),
    ):
        xy, outward = ring(rng, circles, look.spacing)
        stamp_nuclei(rng, ink, xy, look, mpp, outward + turn)
    return ink


def _develop(rng: np.random.Generator, hematoxylin: np.ndarray, eosin: np.ndarray) -> np.ndarray:
    """Turn amounts of stain into light, with the tint and strength of this section's staining."""
    tint = [vector * np.exp(rng.normal(0, 0.05, 3)) for vector in (_HEMATOXYLIN, _EOSIN)]
    strength = 1.35 * np.exp(rng.normal(0, 0.12, 2))
    white = _WHITE - rng.uniform(0, 7)
    height, width = hematoxylin.shape
    noise = rng.normal(0, 1.6, (256, 256)).astype(np.float32)
    noise = np.tile(noise, (height // 256 + 1, width // 256 + 1))[:height, :width]
    image = np.empty((height, width, 3), dtype=np.uint8)
    for channel in range(3):
        blue, pink = (np.float32(s * t[channel]) for s, t in zip(strength, tint, strict=True))
        light = np.float32(white[channel]) * np.exp(-(blue * hematoxylin + pink * eosin)) + noise
        image[..., channel] = np.clip(light, 0, 255)
    return image
