"""Registry of the encoders, and how one is loaded."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from .._checks import check_bools, check_choice, check_positive_int, quote_names
from .._hardware import FULL_PRECISION
from .._hub import HUB_PREFIXES
from ._memory import Halving
from ._spec import ENCODER_PRECISIONS, LOCAL_PREFIX, Encoder, EncoderSpec

if TYPE_CHECKING:
    import pandas as pd

TIMM_PREFIXES = (*HUB_PREFIXES, LOCAL_PREFIX)

_registered: dict[str, EncoderSpec] = {}


def _builtin() -> dict[str, EncoderSpec]:
    from ._catalogue import CATALOGUE
    from ._handcrafted import SPEC

    return {SPEC.name: SPEC, **CATALOGUE}


def register(
    name: str,
    function: Callable[[np.ndarray], Any],
    *,
    dim: int,
    size: int,
    mpp: float = float("nan"),
    revision: str = "",
    licence: str = "",
    overwrite: bool = False,
) -> EncoderSpec:
    """Register your own function as an encoder.

    Parameters
    ----------
    name
        Name for ``encoder=``.
    function
        Maps patches, (b, size, size, 3) uint8 RGB, to embeddings, (b, dim) floats. It must give the same embedding
        for the same patch, whatever else is in the batch.
    dim
        Length of an embedding.
    size
        Side of a patch in pixels.
    mpp
        Micrometres per pixel it was made for, for the record.
    revision
        Version, for the record.
    licence
        Licence, for the record.
    overwrite
        Replace an encoder that you registered under this name.

    Returns
    -------
    The new entry.

    Raises
    ------
    TypeError
        If the name is no string, ``function`` cannot be called, or a size is no whole number.
    ValueError
        If the name is taken or that of a model of timm, or a size is below 1.

    See Also
    --------
    spacrd.pp.extract_patches : Runs it: ``encoder="name"``.

    Examples
    --------
    >>> import spacrd
    >>> spec = spacrd.encoders.register("mean-colour", lambda patches: patches.mean((1, 2)), dim=3, size=32)
    >>> spec.dim
    3
    """
    if not isinstance(name, str):
        raise TypeError(f"The name of an encoder must be a string, got {type(name).__name__}.")
    if not name or name.startswith(TIMM_PREFIXES):
        raise ValueError(f"{name!r} cannot name an encoder: it is empty or stands for a model of timm.")
    if not callable(function):
        raise TypeError(f"function must be callable, got {type(function).__name__}.")
    check_bools(overwrite=overwrite)
    if name in _builtin() or (name in _registered and not overwrite):
        raise ValueError(
            f"There is an encoder {name!r} already. Choose another name, or pass overwrite=True for yours."
        )
    spec = EncoderSpec(
        name,
        "callable",
        check_positive_int(dim, "dim"),
        check_positive_int(size, "size"),
        mpp=float(mpp),
        revision=revision,
        licence=licence,
        function=function,
    )
    _registered[name] = spec
    return spec


def available() -> pd.DataFrame:
    """List the encoders that have a name.

    Every model name of timm, ``hf-hub:org/name`` and ``local-dir:/path`` work as well.

    Returns
    -------
    One row per encoder: kind, dim, size, mpp, licence, gated, model.

    Examples
    --------
    >>> import spacrd
    >>> bool(spacrd.encoders.available().loc["uni", "gated"])
    True
    """
    import pandas as pd

    columns = ["kind", "dim", "size", "mpp", "licence", "gated", "model"]
    specs = {**_builtin(), **_registered}
    rows = [[getattr(spec, column) for column in columns] for spec in specs.values()]
    return pd.DataFrame(rows, columns=columns, index=pd.Index(specs, name="encoder"))


def get(name: str | EncoderSpec) -> EncoderSpec:
    """Look up the entry of an encoder.

    Parameters
    ----------
    name
        A name of :func:`available`, a model name of timm, ``"hf-hub:org/name"``, with ``"@commit"`` behind it for one
        revision, or ``"local-dir:/path"``.

    Returns
    -------
    The entry.

    Raises
    ------
    TypeError
        If ``name`` is neither a string nor an entry.
    KeyError
        If there is no such encoder.

    Examples
    --------
    >>> import spacrd
    >>> spacrd.encoders.get("uni").dim
    1024
    """
    if isinstance(name, EncoderSpec):
        return name
    if not isinstance(name, str):
        raise TypeError(f"encoder must be the name of an encoder, got {type(name).__name__}.")
    specs = {**_builtin(), **_registered}
    if name in specs:
        return specs[name]
    if name.startswith(TIMM_PREFIXES):
        # The same encoder, whichever commit of it: what is recorded must not depend on how it was asked for.
        model, _, revision = (name, "", "") if name.startswith(LOCAL_PREFIX) else name.partition("@")
        return EncoderSpec(model, "timm", 0, 0, model=model, revision=revision)
    from ._timm import is_timm_model

    if is_timm_model(name):
        return EncoderSpec(name, "timm", 0, 0, model=name, architecture=name)
    raise KeyError(
        f"There is no encoder {name!r}. Available: {quote_names(specs)}, every model name of timm, 'hf-hub:org/name' "
        "and 'local-dir:/path'. Your own function becomes one with `spacrd.encoders.register`."
    )


def load(
    name: str | EncoderSpec,
    *,
    weights: str | Path | bool | None = None,
    device: str | None = None,
    precision: str = FULL_PRECISION,
) -> Encoder:
    """Load an encoder.

    Parameters
    ----------
    name
        As in :func:`get`.
    weights
        File (``.safetensors``, ``.pth``, ``.pt``, ``.bin``) or folder of weights. None takes the published ones, which
        may download them; False leaves the model untrained (reproducibly): a floor to compare with, nothing more.
    device
        Torch device; by default ``spacrd.settings.device``. Encoders without torch ignore it.
    precision
        ``"32-true"``, or ``"bf16-mixed"`` or ``"16-mixed"`` for torch's autocast: faster where the device has it, with
        embeddings that differ in the third digit. Encoders without torch have none.

    Returns
    -------
    The encoder. Out of memory, it takes half as many patches at once, with a warning.

    Raises
    ------
    TypeError
        If ``weights`` is neither a path nor False nor None.
    KeyError
        If there is no such encoder.
    FileNotFoundError
        If there are no weights at the path.
    ValueError
        If the weights are damaged or do not fit, or the encoder has none or no such precision.
    PermissionError
        If the weights are gated and the hub does not give them out.
    ConnectionError
        If the hub cannot be reached.

    See Also
    --------
    spacrd.encoders.available : Names of encoders.
    spacrd.pp.extract_patches : Cuts patches and embeds them.

    Examples
    --------
    >>> import numpy as np, spacrd
    >>> encoder = spacrd.encoders.load("handcrafted")
    >>> encoder.encode(np.zeros((2, encoder.spec.size, encoder.spec.size, 3), np.uint8)).shape == (2, encoder.spec.dim)
    True
    """
    spec = get(name)
    check_choice(precision, ENCODER_PRECISIONS, "precision")
    if spec.kind == "timm":
        from ._timm import load_timm

        return load_timm(spec, weights=weights, device=device, precision=precision)
    if precision != FULL_PRECISION:
        raise ValueError(f"Encoder {spec.name!r} is not run by torch and has no precision: leave `precision` out.")
    if weights is not None:
        raise ValueError(f"Encoder {spec.name!r} takes no weights: leave `weights` out.")
    if spec.kind == "handcrafted":
        from ._handcrafted import encode

        return Encoder(spec, encode)
    return Encoder(spec, Halving(_checked(spec), spec.name))


def _checked(spec: EncoderSpec) -> Callable[[np.ndarray], np.ndarray]:
    """Wrap the user's function so that its embeddings are checked."""
    function = spec.function
    if function is None:
        raise ValueError(f"Encoder {spec.name!r} has no function. Register it with `spacrd.encoders.register`.")

    def encode(patches: np.ndarray) -> np.ndarray:
        values = function(patches)
        if hasattr(values, "detach"):
            values = values.detach().cpu().numpy()
        values = np.asarray(values)
        if values.shape != (len(patches), spec.dim):
            raise ValueError(
                f"Encoder {spec.name!r} returned shape {values.shape} for {len(patches)} patches; "
                f"it was registered with dim={spec.dim}, so {(len(patches), spec.dim)} was expected."
            )
        return values.astype(np.float32)

    return encode
