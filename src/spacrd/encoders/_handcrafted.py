"""Handcrafted encoder: colour and texture of the separated stains, without weights.

Stains are separated as by Ruifrok and Johnston (Anal Quant Cytol Histol 23, 2001); local binary patterns are the
rotation-invariant uniform ones of Ojala, Pietikäinen and Mäenpää (IEEE TPAMI 24, 2002).
"""

from __future__ import annotations

import functools

import numpy as np

from ._spec import EncoderSpec

SIZE = 112
AT_ONCE = 8
"""Patches whose planes stay in the cache of a core."""
_QUANTILES = (0.1, 0.5, 0.9)
_LBP_BINS = 10
WHITE, BLACK, FLAT = 0.08, 1.3, 0.01
NUCLEUS, DENSE_NUCLEUS, EOSIN = 0.25, 0.45, 0.15
"""Optical densities (base 10), of the mean of the channels or of a separated stain."""


def _names() -> list[str]:
    channels = ["red", "green", "blue", "hematoxylin", "eosin", "density", "saturation"]
    listed = [f"{c}_{s}" for c in channels for s in ("mean", "std", "p10", "p50", "p90")]
    listed += ["white", "black", "nuclei", "dense_nuclei", "eosinophilic", "hematoxylin_eosin_correlation", "skew_h"]
    for image in ("hematoxylin", "density"):
        for scale in (1, 2):
            listed += [f"{image}_{s}_{scale}" for s in ("gradient_mean", "gradient_std", "laplacian", "local_std")]
    listed += [f"hematoxylin_contrast_{d}" for d in (1, 2, 4, 8)]
    listed += ["coherence", "nuclear_peaks", "nuclear_edges"]
    return listed + [f"lbp_{scale}_{k}" for scale in (1, 2) for k in range(_LBP_BINS)]


NAMES = tuple(_names())
SPEC = EncoderSpec("handcrafted", "handcrafted", len(NAMES), SIZE, revision="1", licence="BSD-3-Clause")


@functools.cache
def _tables() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Make tables: optical density of a byte, stain separation, and the bin of a local binary pattern, one-hot."""
    from skimage.color import hed_from_rgb

    density = -np.log10(np.maximum(np.arange(256), 1) / 255).astype(np.float32)
    codes = np.arange(256)
    bits = (codes[:, None] >> np.arange(8)) & 1
    changes = (bits != np.roll(bits, 1, axis=1)).sum(axis=1)
    bins = np.where(changes <= 2, bits.sum(axis=1), _LBP_BINS - 1)
    return density, hed_from_rgb.astype(np.float32), (bins[:, None] == np.arange(_LBP_BINS)).astype(np.int64)


def encode(patches: np.ndarray) -> np.ndarray:
    """Embed patches.

    Parameters
    ----------
    patches
        (b, 112, 112, 3) uint8 RGB.

    Returns
    -------
    (b, dim) float32; the columns are named in ``NAMES``.
    """
    # Made once: new memory for every few patches would cost a fifth of the time.
    space = np.empty((2, 3, AT_ONCE, *patches.shape[1:3]), np.float32)
    chunks = (patches[start : start + AT_ONCE] for start in range(0, len(patches), AT_ONCE))
    return np.concatenate([_encode(chunk, *space[:, :, : len(chunk)]) for chunk in chunks])


def _encode(patches: np.ndarray, rgb: np.ndarray, optical: np.ndarray) -> np.ndarray:
    """Embed a few patches; ``rgb`` and ``optical`` are memory for their planes, (3, b, h, w) float32."""
    density_of, separation, bins = _tables()
    planes = np.ascontiguousarray(patches.transpose(3, 0, 1, 2))
    np.divide(planes, np.float32(255), out=rgb)
    np.take(density_of, planes, mode="wrap", out=optical)  # in this mode without a check of bounds, which bytes keep
    # Written out: a matrix product may round differently for another number of patches.
    hematoxylin, eosin = (functools.reduce(np.add, map(np.multiply, optical, separation[:, i])) for i in (0, 1))
    density = optical[0] + optical[1]
    density += optical[2]
    density /= 3
    saturation = (planes.max(axis=0) - planes.min(axis=0)) / np.float32(255)
    columns: list[np.ndarray] = []
    for channel in (*rgb, hematoxylin, eosin, density, saturation):
        columns += _distribution(channel)
    columns += _fractions(hematoxylin, eosin, density)
    halves = {id(image): _half(image) for image in (hematoxylin, density)}
    for image in (hematoxylin, density):
        columns += _texture(image) + _texture(halves[id(image)])
    columns += [_contrast(hematoxylin, distance) for distance in (1, 2, 4, 8)]
    columns += _structure(hematoxylin, *(halves[id(image)] for image in (hematoxylin, density)))
    for image in (density, halves[id(density)]):
        columns += _local_binary_patterns(image, bins)
    return np.column_stack(columns).astype(np.float32)


def _mean(values: np.ndarray) -> np.ndarray:
    return values.reshape(len(values), -1).mean(axis=1)


def _share(mask: np.ndarray) -> np.ndarray:
    flat = mask.reshape(len(mask), -1)
    return np.array([np.count_nonzero(row) for row in flat]) / np.float32(flat.shape[1])  # faster than along an axis


def _std(values: np.ndarray, mean: np.ndarray) -> np.ndarray:
    deviations = values.reshape(len(values), -1) - mean[:, None]
    return np.sqrt(_mean(np.square(deviations, out=deviations)))


def _half(image: np.ndarray) -> np.ndarray:
    """Halve the resolution by averaging."""
    h, w = (side // 2 * 2 for side in image.shape[1:])
    rows = image[:, :h:2] + image[:, 1:h:2]
    return (rows[:, :, :w:2] + rows[:, :, 1:w:2]) / 4


def _distribution(channel: np.ndarray) -> list[np.ndarray]:
    mean = _mean(channel)
    # Quantiles of every fourth pixel do as well, at a quarter of the cost.
    thin = np.sort(channel[:, ::2, ::2].reshape(len(channel), -1), axis=1)
    at = [round(q * (thin.shape[1] - 1)) for q in _QUANTILES]
    return [mean, _std(channel, mean), *(thin[:, i] for i in at)]


def _fractions(hematoxylin: np.ndarray, eosin: np.ndarray, density: np.ndarray) -> list[np.ndarray]:
    h, e = hematoxylin.reshape(len(hematoxylin), -1), eosin.reshape(len(eosin), -1)
    h0, e0 = h - _mean(h)[:, None], e - _mean(e)[:, None]
    h_std, e_std = _std(h0, _mean(h0)) + 1e-3, _std(e0, _mean(e0)) + 1e-3
    cubed = h0 * h0  # a power costs ten times as much
    cubed *= h0
    return [
        _share(density < WHITE),
        _share(density > BLACK),
        _share(h > NUCLEUS),
        _share(h > DENSE_NUCLEUS),
        _share((e > EOSIN) & (h < NUCLEUS)),
        (h0 * e0).mean(axis=1) / (h_std * e_std),
        cubed.mean(axis=1) / h_std**3,
    ]


def _contrast(image: np.ndarray, distance: int) -> np.ndarray:
    """Compute the mean difference of pixels at a distance along x and y."""
    means = []
    for step in (distance, distance * image.shape[2]):
        flat, differences = image.reshape(-1), np.empty_like(image)
        run = differences.reshape(-1)[:-step]
        np.abs(np.subtract(flat[step:], flat[:-step], out=run), out=run)
        across = (slice(None), slice(-distance)) if step > distance else (..., slice(-distance))
        means.append(_mean(differences[across]) / 2)
    return means[0] + means[1]


class _Windows:
    """Read squares of 3 x 3 pixels around all inner pixels as runs of memory, faster than row by row.

    Parameters
    ----------
    images
        (b, h, w), contiguous.
    """

    def __init__(self, images: np.ndarray) -> None:
        self._shape, self._flat = images.shape, images.reshape(-1)
        self._n = images.size - 2 * images.shape[2] - 2

    def at(self, row: int, column: int) -> np.ndarray:
        """Return the pixel in this row and column (0 to 2) of every square, (n,), with squares across borders."""
        start = row * self._shape[2] + column
        return self._flat[start : start + self._n]

    def inner(self, values: np.ndarray) -> np.ndarray:
        """Leave out the squares across borders, (b, h - 2, w - 2)."""
        b, h, w = self._shape
        steps = (h * w * values.itemsize, w * values.itemsize, values.itemsize)
        return np.lib.stride_tricks.as_strided(values, (b, h - 2, w - 2), steps, writeable=False)


def _gradients(windows: _Windows) -> tuple[np.ndarray, np.ndarray]:
    """Compute central differences along x and y of the inner pixels."""
    gx, gy = windows.at(1, 2) - windows.at(1, 0), windows.at(2, 1) - windows.at(0, 1)
    gx *= 0.5
    gy *= 0.5
    return gx, gy


def _texture(image: np.ndarray) -> list[np.ndarray]:
    windows = _Windows(image)
    slope, gy = _gradients(windows)
    slope *= slope
    slope += np.square(gy, out=gy)
    inner_slope = windows.inner(np.sqrt(slope, out=slope)).reshape(len(image), -1)
    mean = _mean(inner_slope)
    around = windows.at(1, 2) + windows.at(1, 0)
    around += windows.at(2, 1)
    around += windows.at(0, 1)
    around *= 0.25
    laplacian = np.subtract(windows.at(1, 1), around, out=around)
    laplacian = windows.inner(np.abs(laplacian, out=laplacian))
    return [mean, _std(inner_slope, mean), _mean(laplacian), _mean(_local_std(image))]


def _local_std(image: np.ndarray) -> np.ndarray:
    """Compute the standard deviation in squares of 7 x 7 pixels."""
    b, k = len(image), image.shape[1] // 7
    strips = image[:, : 7 * k, : 7 * k].reshape(b, k, 7, 7 * k)

    def squares(of_strips: np.ndarray) -> np.ndarray:
        summed = functools.reduce(np.add, (of_strips[:, :, row] for row in range(7)))  # faster than over a short axis
        return functools.reduce(np.add, (summed[:, :, column::7] for column in range(7))) / 49

    deviations = strips - np.repeat(squares(strips), 7, axis=2)[:, :, None]
    return np.sqrt(squares(deviations * deviations))


def _structure(hematoxylin: np.ndarray, half_hematoxylin: np.ndarray, half_density: np.ndarray) -> list[np.ndarray]:
    """Measure how aligned the fibres are, and how many nuclei stand out."""
    windows = _Windows(half_density)
    gx, gy = (windows.inner(gradient) for gradient in _gradients(windows))
    xx, yy, xy = _mean(gx * gx), _mean(gy * gy), _mean(gx * gy)
    coherence = np.sqrt((xx - yy) ** 2 + 4 * xy**2) / (xx + yy + 1e-6)
    smooth = _half(half_hematoxylin)
    inner = smooth[:, 1:-1, 1:-1]
    peak = inner > NUCLEUS
    for dy in (0, 1, 2):
        for dx in (0, 1, 2):
            if (dy, dx) != (1, 1):
                peak &= inner >= smooth[:, dy : dy + inner.shape[1], dx : dx + inner.shape[2]]
    nuclei = hematoxylin > NUCLEUS
    edges = _share(nuclei[:, :, 1:] != nuclei[:, :, :-1])
    return [coherence, _share(peak), edges]


def _local_binary_patterns(image: np.ndarray, bins: np.ndarray) -> list[np.ndarray]:
    """Count the shares of the rotation-invariant uniform patterns of the eight neighbours."""
    windows = _Windows(image)
    centre = windows.at(1, 1) + FLAT  # flat background is noise of one grey level: what differs by less is equal
    code = np.zeros(centre.shape, np.uint8)
    for row, column in ((1, 0), (2, 0), (2, 1), (2, 2), (1, 2), (0, 2), (0, 1), (0, 0)):
        code += code  # one bit up
        code |= (windows.at(row, column) > centre).view(np.uint8)
    inner = windows.inner(code)
    # Counts of each patch in four lanes, as adding to one count again and again is slow.
    lanes = 4 * np.arange(len(image))[:, None] + np.arange(inner.shape[2]) % 4
    counts = np.bincount((inner + 256 * lanes[:, None]).ravel(), minlength=1024 * len(image))
    shares = counts.reshape(len(image), 4, 256).sum(axis=1) @ bins / (inner.shape[1] * inner.shape[2])
    return list(shares.T.astype(np.float32))
