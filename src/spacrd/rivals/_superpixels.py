"""Super-pixels: a grid finer than the spots, with values carried over from the nearest spots."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

OFFSET = 0.002
"""Added to each distance, in grid steps: TESLA adds .1 pixels at a step of 50."""
SAMPLE = 500
"""Super-pixels on which the cut of distances is found."""


def spot_pitch(xy: np.ndarray) -> float:
    """Median distance from a spot to the nearest one, in units of ``xy``; 1 for a single spot."""
    from scipy.spatial import cKDTree

    if len(xy) < 2:
        return 1.0
    return float(np.median(cKDTree(xy).query(xy, k=2)[0][:, 1])) or 1.0


@dataclass(frozen=True)
class SuperPixels:
    """Points of a square grid that lie on the tissue.

    Attributes
    ----------
    points
        Their places, (m, 2), in units of the spots' coordinates.
    mask
        Which points of the grid they are, (height, width) bool; ``points`` follow its row-major order.
    step
        Distance between points of the grid.
    pitch
        Distance between spots.
    """

    points: np.ndarray
    mask: np.ndarray
    step: float
    pitch: float

    @classmethod
    def cover(cls, xy: np.ndarray, step: float) -> SuperPixels:
        """Lay a grid over the spots; its points on the tissue are those within one pitch of a spot."""
        from scipy.spatial import cKDTree

        pitch = spot_pitch(xy)
        low, high = xy.min(axis=0) - pitch, xy.max(axis=0) + pitch
        axes = [np.arange(start, stop + step, step) for start, stop in zip(low, high, strict=True)]
        grid = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1)
        near, _ = cKDTree(xy).query(grid.reshape(-1, 2), k=1, distance_upper_bound=pitch)
        mask = np.isfinite(near).reshape(grid.shape[:2])
        return cls(grid[mask], mask, step, pitch)

    def impute(self, xy: np.ndarray, values: np.ndarray, k: int, *, seed: int = 0) -> np.ndarray:
        """Weight the values of the ``k`` nearest spots by the squared inverse of their distance.

        The distance is divided by that of the nearest spot. Spots farther than the share k / n of all distances
        between super-pixels and spots do not count, but the nearest always does.

        Parameters
        ----------
        xy, values
            Places (n, 2) and values (n, width) of the spots.
        k
            Spots to average over.
        seed
            Which super-pixels the cut is found on.

        Returns
        -------
        (m, width), dtype of ``values``.
        """
        from scipy.spatial import cKDTree
        from scipy.spatial.distance import cdist

        k = min(k, len(xy))
        some = np.random.default_rng(seed).permutation(len(self.points))[:SAMPLE]
        farthest = np.quantile(cdist(self.points[some], xy), min(1.0, k / len(xy)))
        distance, index = cKDTree(xy).query(self.points, k=np.arange(1, k + 1))
        offset = OFFSET * self.step
        weight = ((distance + offset) / (distance[:, :1] + offset)) ** -2.0
        weight[:, 1:][distance[:, 1:] > farthest] = 0.0
        weight /= weight.sum(axis=1, keepdims=True)
        result = np.zeros((len(self.points), values.shape[1]), dtype=values.dtype)
        for column in range(k):
            result += weight[:, column, None].astype(values.dtype) * values[index[:, column]]
        return result

    def discs(self, xy: np.ndarray, radius: float) -> tuple[np.ndarray, np.ndarray]:
        """Find the super-pixels under each spot; the nearest one where none lies within the radius.

        Returns
        -------
        Positions of the super-pixels of the first spot, then those of the second, and so on; and how many each has,
        (n,).
        """
        from scipy.spatial import cKDTree

        tree = cKDTree(self.points)
        nearest = tree.query(xy, k=1)[1]
        inside = tree.query_ball_point(xy, radius, return_sorted=True)
        inside = [found or [int(near)] for found, near in zip(inside, nearest, strict=True)]
        return np.concatenate(inside).astype(np.int64), np.array([len(found) for found in inside])

    def disc_means(self, xy: np.ndarray, values: np.ndarray, radius: float) -> np.ndarray:
        """Mean over the super-pixels under each spot, (n,) for ``values`` (m,)."""
        index, number = self.discs(xy, radius)
        return np.add.reduceat(values[index], np.cumsum(number) - number) / number
