"""Nuclei of a simulated section: where they lie, how they look, how they are drawn."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ._toy_tissue import BLAND, FAT, GLANDS, GRID_UM, IMMUNE, IN_SITU, INVASIVE, STROMA


@dataclass(frozen=True)
class Nuclei:
    """How the nuclei of one class look.

    Attributes
    ----------
    spacing
        Distance between neighbours, um.
    radius
        Mean radius, um.
    elongation
        Long axis over short axis.
    irregular
        How far the outline leaves an ellipse, as a share of the radius.
    dark
        Optical density.
    keep
        Share of the places that hold a nucleus.
    """

    spacing: float
    radius: float
    elongation: float
    irregular: float
    dark: float
    keep: float


NUCLEI = {
    STROMA: Nuclei(18.0, 2.1, 3.2, 0.05, 0.85, 0.55),
    FAT: Nuclei(38.0, 2.0, 2.2, 0.05, 0.9, 0.55),
    GLANDS: Nuclei(17.0, 2.1, 2.2, 0.05, 0.85, 0.6),
    IMMUNE: Nuclei(6.8, 2.7, 1.05, 0.05, 1.25, 0.9),
    IN_SITU: Nuclei(10.5, 4.2, 1.2, 0.12, 1.1, 0.92),
    BLAND: Nuclei(9.2, 3.4, 1.15, 0.05, 0.95, 0.9),
    INVASIVE: Nuclei(11.0, 4.3, 1.3, 0.20, 1.0, 0.88),
}


def scatter_nuclei(rng: np.random.Generator, classes: np.ndarray, number: int, look: Nuclei) -> np.ndarray:
    """Scatter the centres of the nuclei of one class on a jittered grid, um, float ``(n, 2)`` as x, y."""
    height, width = (n * GRID_UM for n in classes.shape)
    y, x = np.meshgrid(np.arange(0, height, look.spacing), np.arange(0, width, look.spacing), indexing="ij")
    x = x + (np.arange(x.shape[0])[:, None] % 2) * look.spacing / 2
    xy = np.stack([x, y], axis=-1).reshape(-1, 2)
    xy += rng.uniform(-0.36, 0.36, xy.shape) * look.spacing
    rows, columns = np.clip((xy[:, ::-1] / GRID_UM).astype(int), 0, np.array(classes.shape) - 1).T
    return xy[(classes[rows, columns] == number) & (rng.random(len(xy)) < look.keep)]


def stamp_nuclei(
    rng: np.random.Generator, canvas: np.ndarray, xy_um: np.ndarray, look: Nuclei, mpp: float, angle: np.ndarray
) -> None:
    """Draw one nucleus at each place; where two meet the darker pixel stays."""
    n = len(xy_um)
    if n == 0:
        return
    long = look.radius * look.elongation**0.5 * rng.lognormal(0.0, 0.14, n) / mpp
    short = look.radius / look.elongation**0.5 * rng.lognormal(0.0, 0.14, n) / mpp
    reach = int(np.ceil(2.2 * look.radius * look.elongation**0.5 / mpp)) + 1
    xy = xy_um / mpp
    corner = np.floor(xy).astype(np.int32)
    steps = np.arange(-reach, reach + 1, dtype=np.int32)
    dy = (steps[None, :, None] + (corner - xy)[:, 1, None, None]).astype(np.float32) + 0.5
    dx = (steps[None, None, :] + (corner - xy)[:, 0, None, None]).astype(np.float32) + 0.5
    cos, sin = (f(angle).astype(np.float32)[:, None, None] for f in (np.cos, np.sin))
    u = (cos * dx + sin * dy) / long.astype(np.float32)[:, None, None]
    v = (cos * dy - sin * dx) / short.astype(np.float32)[:, None, None]
    radius = np.sqrt(u * u + v * v)
    if look.irregular > 0.1:
        phase = rng.uniform(0, 2 * np.pi, (2, n, 1, 1)).astype(np.float32)
        turn = np.arctan2(v, u)
        radius /= 1 + look.irregular * (np.cos(2 * turn + phase[0]) + 0.6 * np.cos(3 * turn + phase[1]))
    edge = np.float32(0.55 * mpp / look.radius + 0.12)
    body = np.clip((1 - radius) / edge + 0.5, 0, 1)
    dark = (look.dark * rng.lognormal(0.0, 0.22, n)).astype(np.float32)[:, None, None]
    # Large nuclei are vesicular: paler inside, darker at the membrane, with grains of chromatin.
    inner = 1.0 - (0.3 if look.radius > 3.5 else 0.1) * np.clip(1.15 - radius, 0, 1)
    grains = 1 + 0.16 * rng.standard_normal(body.shape, dtype=np.float32)
    ink = body * dark * inner * grains
    rows, columns = corner[:, 1, None, None] + steps[None, :, None], corner[:, 0, None, None] + steps[None, None, :]
    fits = (rows >= 0) & (rows < canvas.shape[0]) & (columns >= 0) & (columns < canvas.shape[1]) & (ink > 0.02)
    rows, columns = np.broadcast_arrays(rows, columns)
    np.maximum.at(canvas.reshape(-1), rows[fits].astype(np.int64) * canvas.shape[1] + columns[fits], ink[fits])


def ring(rng: np.random.Generator, circles: np.ndarray, spacing: float) -> tuple[np.ndarray, np.ndarray]:
    """Return positions at even steps around circles (um) and the direction outwards there."""
    places, angles = [], []
    for x, y, radius in circles:
        n = max(5, int(2 * np.pi * radius / spacing))
        turn = np.linspace(0, 2 * np.pi, n, endpoint=False) + rng.uniform(0, 1) + rng.normal(0, 0.05, n)
        r = radius + rng.normal(0, 0.9, n)
        places.append(np.stack([x + r * np.cos(turn), y + r * np.sin(turn)], axis=1))
        angles.append(turn)
    if not places:
        return np.empty((0, 2)), np.empty(0)
    return np.concatenate(places), np.concatenate(angles)
