"""Spots that lie on or between each other, as no spots of one section do."""

from __future__ import annotations

import numpy as np
import pandas as pd

SAMPLE = 2000
"""Spots whose neighbours are looked up; they stand for all."""
NEAREST = 30
SAME_LENGTH = 1.04
"""Ratio up to which two distances count as one length of a lattice."""
RING = 3.0
"""Neighbours at one distance that a spot of a lattice has on average: 6 or 4, fewer at the border, 2.3 by chance."""
NEAR = 0.75
"""Share of the pitch that is closer than two spots of one lattice lie."""
CROWD, MAX_CROWDS = 5, 5
"""Spots at one place that are a crowd, and how many such places are filled values, not rounded coordinates."""
SHARE = 0.25
"""Share of spots with a neighbour that near, from which two lattices lie on each other."""


def repeats(keys: pd.DataFrame | pd.Series) -> np.ndarray:
    """Find the rows whose key occurs again; a key with a missing value does not count, (n,) bool."""
    missing = keys.isna() if isinstance(keys, pd.Series) else keys.isna().any(axis=1)
    return (keys.duplicated(keep=False) & ~missing).to_numpy(bool)


def crowded(places: pd.DataFrame) -> np.ndarray:
    """Find the spots that lie at one place or a few, of which each has many and all others few, (n,) bool."""
    if places.empty:
        return np.zeros(0, bool)
    place = places.groupby(list(places.columns), sort=False).ngroup().to_numpy()
    number = np.bincount(place)
    largest = np.append(-np.sort(-number)[: MAX_CROWDS + 1], 0)
    gaps = np.flatnonzero((largest[:-1] >= CROWD) & (largest[:-1] > 3 * largest[1:]))
    gaps = gaps[gaps < MAX_CROWDS]
    return number[place] >= (largest[gaps[-1]] if len(gaps) else np.inf)


def lie_between(here: np.ndarray, others: np.ndarray) -> bool:
    """Whether other spots lie where these ones do, which pieces of tissue on one slide do not; (n, 2) and (m, 2)."""
    from scipy.spatial import cKDTree

    here, others = (xy[np.isfinite(xy).all(axis=1)] for xy in (here, others))
    here = np.unique(here, axis=0)
    if len(here) < 2 or not len(others):
        return False
    tree = cKDTree(here)
    pitch = float(np.median(tree.query(here, k=2)[0][:, 1]))
    # Spots of one lattice are a pitch apart; where two lie on each other, each spot has one of the other nearer by.
    near = tree.query(others)[0] < NEAR * pitch
    return bool(near.mean() > SHARE or near.sum() > SHARE * len(here))


def lattices_on_each_other(xy: np.ndarray) -> bool:
    """Whether spots have the spacing of a lattice, and others lie between them; (n, 2) distinct places.

    Distances within a lattice come back again and again, wherever a second lattice lies and however it is turned.
    Scattered cells have no such distance, and nothing is said of them.
    """
    steps = _steps(xy)
    if steps is None:
        return False
    distances = np.linalg.norm(steps, axis=2)
    first = distances[:, 0]
    # A jittered lattice has a whole ring of neighbours near the first one, and no lattice on it.
    if (distances < 1.3 * np.median(first)).sum(axis=1).mean() >= 2.5:
        return False
    flat = np.sort(distances.ravel())
    in_ring = np.searchsorted(flat, SAME_LENGTH * flat, side="right") - np.arange(len(flat))
    rings = np.flatnonzero(in_ring >= RING * len(distances))
    if not len(rings):
        return False
    near = distances < NEAR * flat[rings[0]]
    # Three further lattices put six spots that near. More are of the same lattice, whose next rings have gaps.
    if near[:, 0].mean() <= SHARE or near.sum(axis=1).mean() > 6:
        return False
    return not _goes_on(steps, near, flat[rings[0]])


def _goes_on(steps: np.ndarray, short: np.ndarray, length: float) -> bool:
    """Whether the commonest short steps, (m, k) bool, are also made twice: then it is one lattice with gaps."""
    from scipy.spatial import cKDTree

    tree, candidates, reach = cKDTree(steps.reshape(-1, 2)), steps[short], 0.05 * length
    number = tree.query_ball_point(candidates, reach, return_length=True)
    once = twice = 0
    # All of them together: of a small section with gaps, one direction alone may be made twice by few spots.
    while len(candidates) and number.max() > 0.1 * len(steps):
        apart = np.linalg.norm(candidates - candidates[number.argmax()], axis=1)
        step = candidates[apart < reach].mean(axis=0)
        near = min(reach, 0.25 * float(np.linalg.norm(step)))
        once, twice = (
            total + len(tree.query_ball_point(times * step, near)) for times, total in ((1, once), (2, twice))
        )
        candidates, number = candidates[apart > 2 * reach], number[apart > 2 * reach]
    return twice > 0.5 * once


def several_spacings(xy: np.ndarray) -> tuple[float, float] | None:
    """Find two spacings among spots of lattices that differ as units do; None if all have one; (n, 2) places."""
    steps = _steps(xy)
    if steps is None:
        return None
    distances = np.linalg.norm(steps, axis=2)
    first, third = distances[:, 0], distances[:, 2]
    regular = third < 1.15 * first
    spacing = np.median(first[regular]) if regular.any() else np.nan
    ratio = first[regular] / spacing
    other = (ratio < 0.6) | (ratio > 1.67)
    if regular.mean() < 0.6 or other.sum() < max(5, 0.05 * len(first)):
        return None
    return float(spacing), float(np.median(first[regular][other]))


def _steps(xy: np.ndarray) -> np.ndarray | None:
    """Find the steps to the nearest spots, nearest first, of a sample, (m, k, 2); None of too few spots."""
    from scipy.spatial import cKDTree

    if len(xy) < 12:
        return None
    sample = xy[np.random.default_rng(0).permutation(len(xy))[:SAMPLE]]
    nearest = cKDTree(xy).query(sample, k=min(NEAREST, len(xy)))[1][:, 1:]
    return xy[nearest] - sample[:, None]
