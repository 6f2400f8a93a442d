"""Images of simulated sections, painted once for each process of the tests."""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Callable

import numpy as np

from spacrd.datasets._toy_tissue import TissueMap

Paint = Callable[[np.random.Generator, TissueMap, tuple[int, int], float], np.ndarray]
HELD_BYTES = 500_000_000


def painted_once(paint: Paint) -> Paint:
    """Wrap ``paint``: the same tissue, state of the generator and size give a copy of the same image.

    Only for callers that draw nothing from the generator afterwards, as it is not moved on.
    """
    made: OrderedDict[str, np.ndarray] = OrderedDict()

    def call(rng: np.random.Generator, tissue: TissueMap, shape: tuple[int, int], mpp: float) -> np.ndarray:
        digest = hashlib.sha256(repr((rng.bit_generator.state, shape, mpp)).encode())
        for part in (tissue.classes, tissue.drawn, tissue.acini, tissue.ducts):
            digest.update(np.ascontiguousarray(part).tobytes())
        key = digest.hexdigest()
        if key not in made:
            made[key] = paint(rng, tissue, shape, mpp)
            while sum(image.nbytes for image in made.values()) > HELD_BYTES:
                made.popitem(last=False)
        made.move_to_end(key)
        return made[key].copy()

    return call
