"""Records of an encoder, before and after it is loaded."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Literal

import numpy as np

from .._hardware import FULL_PRECISION, PRECISIONS

IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
LOCAL_PREFIX = "local-dir:"
"""In front of the folder of a model, in names of encoders."""
ENCODER_PRECISIONS = {**PRECISIONS, "16-mixed": "float16"}
"""Precisions that an encoder can run in: half precision too, as nothing is trained."""


@dataclass(frozen=True)
class EncoderSpec:
    """Description of an encoder before it is loaded.

    Attributes
    ----------
    name
        Name for ``encoder=``.
    kind
        ``"handcrafted"``, ``"timm"`` or ``"callable"``.
    dim
        Length of an embedding; 0 if it is known only once loaded.
    size
        Side of its input in pixels; 0 if it is known only once loaded.
    model
        What timm creates with pretrained weights: a model name or ``"hf-hub:org/name"``.
    architecture
        timm architecture that weights of a file go into.
    model_kwargs
        Arguments of ``timm.create_model``.
    architecture_kwargs
        Further arguments where the architecture is created without the hub's configuration.
    pooling
        ``"model"`` takes what the model returns, ``"cls+mean"`` joins the class token and the mean patch token.
    mean
        Mean of the colour channels for normalisation, RGB in 0 to 1.
    std
        Standard deviation of the colour channels.
    mpp
        Micrometres per pixel it was trained on; NaN if there is no one value.
    revision
        Version of the features or weights, on the hub a commit; empty for the newest, until it is loaded.
    licence
        Licence of the weights.
    gated
        Whether the hub gives the weights out only after its terms were accepted.
    function
        The function of a registered encoder.

    Examples
    --------
    >>> import spacrd
    >>> spec = spacrd.encoders.get("uni")
    >>> spec.dim, spec.mpp, spec.gated
    (1024, 0.5, True)
    """

    name: str
    kind: Literal["handcrafted", "timm", "callable"]
    dim: int
    size: int
    model: str = ""
    architecture: str = ""
    model_kwargs: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))
    architecture_kwargs: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))
    pooling: Literal["model", "cls+mean"] = "model"
    mean: tuple[float, ...] = IMAGENET_MEAN
    std: tuple[float, ...] = IMAGENET_STD
    mpp: float = float("nan")
    revision: str = ""
    licence: str = ""
    gated: bool = False
    function: Callable[[np.ndarray], Any] | None = None


@dataclass(frozen=True)
class Encoder:
    """An encoder that is ready to run.

    Attributes
    ----------
    spec
        What it is, with dimension and size filled in.
    encode
        Patches, (b, size, size, 3) uint8 RGB, to embeddings, (b, dim) float32.
    weights
        Where its weights come from: a file name, a hub id, ``"untrained"``, or empty if it has none.
    weights_sha256
        SHA-256 of the weights file; empty if there is none at hand.
    precision
        What it computes in: ``"32-true"``, ``"bf16-mixed"`` or ``"16-mixed"``.

    Examples
    --------
    >>> import numpy as np
    >>> import spacrd
    >>> encoder = spacrd.encoders.load("handcrafted")
    >>> size = encoder.spec.size
    >>> encoder.encode(np.zeros((2, size, size, 3), dtype=np.uint8)).shape == (2, encoder.spec.dim)
    True
    """

    spec: EncoderSpec
    encode: Callable[[np.ndarray], np.ndarray]
    weights: str = ""
    weights_sha256: str = ""
    precision: str = FULL_PRECISION
