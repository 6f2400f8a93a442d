"""From spots on a picture to one embedding per spot."""

from __future__ import annotations

import functools
import re
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import encoders
from .._checks import check_positive_int, check_positive_number, check_result_key
from .._keys import Keys
from .._sections import Library, get_table, result_record, split_libraries, write_results
from .._sections._pictures import open_picture
from .._settings import settings
from ..image import cut_patches
from ._jobs import Job, place, plan, section_record, side_of, squares_of

if TYPE_CHECKING:
    from anndata import AnnData
    from spatialdata import SpatialData


def extract_patches(
    data: AnnData | SpatialData,
    *,
    encoder: str = "handcrafted",
    image_key: str | None = None,
    table_key: str = "table",
    region: str | None = None,
    coordinate_system: str | None = None,
    library_key: str | None = None,
    patch_um: float | None = None,
    mpp: float | None = None,
    weights: str | Path | bool | None = None,
    key_added: str | None = None,
    store_shapes: str | bool | None = None,
    batch_size: int = 64,
    device: str | None = None,
    n_workers: int = 0,
    copy: bool = False,
) -> AnnData | SpatialData | None:
    """Cut a square patch around each spot and embed it.

    The patch is centred on the spot, aligned with the axes of the coordinate system and resampled once, from the
    coarsest pyramid level that is fine enough, to the input of the encoder. Beyond the border it is filled by
    reflection.

    Parameters
    ----------
    data
        Section or sections with a picture: an AnnData with ``obsm["spatial"]`` in full-resolution pixels and pictures
        in ``uns["spatial"]``, or a SpatialData as its readers return it.
    encoder
        ``"handcrafted"`` (colour and texture, no weights), a name of :func:`spacrd.encoders.available`, a model name
        of timm, ``"hf-hub:org/name"``, ``"local-dir:/path"``, or the name of an encoder you registered.
    image_key
        Name of the picture; by default the only one, or the finest that the reader made of the slide.
    table_key
        Table of a SpatialData.
    region
        Work on the rows of this region (or library) alone; others keep what they had.
    coordinate_system
        Coordinate system of a SpatialData in which patches are square; by default one that spots and picture share.
    library_key
        Column of ``obs`` that names the sections; by default the region key of a SpatialData table.
    patch_um
        Side of a patch in micrometres; by default the spot diameter.
    mpp
        Micrometres per pixel of the picture at its finest level; by default found from the spots: from the array
        lattice, else from the stored spot diameter.
    weights
        Weights file or folder of the encoder; None for the published ones; False for an untrained model.
    key_added
        Slot of ``obsm``; by default ``"X_<encoder>"``, with ``/`` and ``:`` replaced by ``_``.
    store_shapes
        Store the patch squares in ``shapes``: True for the name ``"<region>_<encoder>_patches"``, or a name.
    batch_size
        Patches embedded at once.
    device
        Torch device; by default ``spacrd.settings.device``.
    n_workers
        Threads that read ahead while patches are embedded; the result does not depend on it.
    copy
        Return a copy instead of writing to ``data``.

    Returns
    -------
    None, or the copy. Written are ``obsm[key_added]``, (n_obs, dim) float32, NaN where the spot lies off the picture;
    ``obs["spacrd_in_image"]``; ``obs["spacrd_padded"]``, whether the patch reaches beyond the border; and
    ``uns["spacrd"][key_added]``, with what was used and, under ``"sections"``, how large the pixels were and how that
    was found.

    Raises
    ------
    ValueError
        If there is no picture, or several and none is named; if spots cannot lie where they are said to lie; if the
        scale cannot be found; if weights are damaged.
    KeyError
        If a name is unknown; the message lists those that exist.
    PermissionError
        If the weights are gated.

    Examples
    --------
    >>> import spacrd
    >>> sdata = spacrd.datasets.toy_visium()
    >>> spacrd.pp.extract_patches(sdata)
    >>> sdata["table"].obsm["X_handcrafted"].shape[0] == sdata["table"].n_obs
    True
    """
    check_positive_int(batch_size, "batch_size")
    check_positive_int(n_workers, "n_workers", minimum=0)
    if patch_um is not None:
        check_positive_number(patch_um, "patch_um", "number of micrometres")
    spec = encoders.get(encoder)
    short = re.sub(r"[/:\\\s]+", "_", spec.name)
    key = check_result_key(key_added if key_added is not None else Keys.embedding(short))
    if key == Keys.SPATIAL:
        raise ValueError("key_added='spatial' would replace the coordinates of the spots. Choose another name.")
    table = get_table(data, table_key)
    result_record(table, key)  # refuse a slot that cannot be kept up before the work, not after it
    libraries = split_libraries(data, table_key=table_key, library_key=library_key, region=region)
    shapes = _shape_names(libraries, store_shapes, short)
    # `map` runs them in this frame, so that warnings point at the caller.
    find = functools.partial(open_picture, image_key=image_key, coordinate_system=coordinate_system, mpp=mpp)
    pictures = list(map(find, libraries))
    # Placement is checked before weights are loaded, which may take minutes.
    inside = list(map(place, pictures))
    sides = [side_of(picture, library, patch_um) for picture, library in zip(pictures, libraries, strict=True)]
    loaded = encoders.load(spec, weights=weights, device=device)
    jobs = list(map(functools.partial(plan, loaded.spec.size), libraries, pictures, inside, sides))
    embedding, in_image, padded = _start(table, libraries, key, loaded)
    _run(jobs, loaded, embedding, in_image, padded, batch_size, n_workers)
    record = _record(table, key, loaded, jobs)
    squares = {name: squares_of(job) for name, job in zip(shapes, jobs, strict=False)}
    obs = {Keys.IN_IMAGE: in_image, Keys.PADDED: padded}
    result = write_results(data, table_key=table_key, obs=obs, obsm={key: embedding}, uns={key: record}, copy=copy)
    target = result if copy else data
    for name, element in squares.items():
        if name in target.shapes:
            del target.shapes[name]
        target.shapes[name] = element
    return result


def _shape_names(libraries: list[Library], store_shapes: str | bool | None, encoder: str) -> list[str]:
    if not store_shapes:
        return []
    if libraries[0].sdata is None:
        raise ValueError("store_shapes needs a SpatialData; an AnnData holds no shapes.")
    if store_shapes is True:
        return [Keys.patches(library.name, encoder) for library in libraries]
    if len(libraries) > 1:
        raise ValueError(f"store_shapes={store_shapes!r} names one element for {len(libraries)} sections: pass True.")
    name = check_result_key(store_shapes, "store_shapes")
    sdata = libraries[0].sdata
    taken = [key for kind in (sdata.images, sdata.labels, sdata.points, sdata.tables) for key in kind]
    if name == libraries[0].region:
        raise ValueError(f"store_shapes={name!r} would replace the spots. Choose another name.")
    if name.lower() in map(str.lower, taken):
        raise ValueError(f"store_shapes={name!r} would replace another element. Choose another name.")
    if not re.fullmatch(r"[\w.-]+", name) or name.startswith("__"):
        raise ValueError(f"store_shapes={name!r} cannot name an element: use letters, digits, '_', '.' and '-'.")
    return [name]


def _start(
    table: AnnData, libraries: list[Library], key: str, encoder: encoders.Encoder
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Arrays to fill; rows of other sections keep what an earlier call wrote, if the same encoder made it."""
    dim = encoder.spec.dim
    rows = np.concatenate([library.rows for library in libraries])
    embedding = np.full((table.n_obs, dim), np.nan, np.float32)
    flags = [np.zeros(table.n_obs, bool), np.zeros(table.n_obs, bool)]
    if len(rows) < table.n_obs:
        if key in table.obsm:
            old = np.asarray(table.obsm[key])
            if old.shape != embedding.shape:
                raise ValueError(
                    f"obsm[{key!r}] has {old.shape[-1]} columns and the encoder gives {dim}, so other sections cannot "
                    "keep theirs. Choose another `key_added`, or extract all sections again."
                )
            before = result_record(table, key)
            for name, value in _identity(encoder).items():
                if str(before.get(name, value)) != value:
                    raise ValueError(
                        f"obsm[{key!r}] was made with {name}={before[name]!r}, not {value!r}: sections would not be "
                        "comparable. Choose another `key_added`, or extract all sections again."
                    )
            embedding[:] = old
        for flag, name in zip(flags, (Keys.IN_IMAGE, Keys.PADDED), strict=True):
            if name in table.obs:
                flag[:] = table.obs[name].to_numpy(dtype=bool)
    embedding[rows] = np.nan
    return embedding, flags[0], flags[1]


def _run(
    jobs: list[Job],
    encoder: encoders.Encoder,
    embedding: np.ndarray,
    in_image: np.ndarray,
    padded: np.ndarray,
    batch_size: int,
    n_workers: int,
) -> None:
    total = sum(-(-int(job.inside.sum()) // batch_size) for job in jobs)

    def batches() -> Any:
        for job in jobs:
            rows = job.library.rows
            in_image[rows], padded[rows] = job.inside, job.padded
            kept = np.flatnonzero(job.inside)
            cut = cut_patches(
                job.picture.pyramid,
                job.picture.xy[kept],
                side=job.side,
                size=encoder.spec.size,
                batch_size=batch_size,
                level=job.level,
                n_workers=n_workers,
            )
            for chosen, patches in cut:
                yield rows[kept[chosen]], patches

    for rows, patches in settings.track(batches(), total=total, description="Embedding patches", unit="batch"):
        values = encoder.encode(patches)
        if not np.isfinite(values).all():
            raise ValueError(f"Encoder {encoder.spec.name!r} returned values that are not finite.")
        embedding[rows] = values


def _identity(encoder: encoders.Encoder) -> dict[str, str]:
    """What tells two encoders apart."""
    return {
        "encoder": encoder.spec.name,
        "revision": encoder.spec.revision,
        "weights": encoder.weights,
        "weights_sha256": encoder.weights_sha256,
    }


def _record(table: AnnData, key: str, encoder: encoders.Encoder, jobs: list[Job]) -> dict[str, Any]:
    """What was done, as scalars and strings that every file format keeps."""
    from importlib.metadata import version

    sections = {Keys.section(job.library.name): section_record(job) for job in jobs}
    before = result_record(table, key).get("sections", {})
    if sum(len(job.library.rows) for job in jobs) < table.n_obs:
        sections = {**before, **sections}
    sides = [float(section["patch_um"]) for section in sections.values()]
    if max(sides) > 1.05 * min(sides):
        warnings.warn(
            f"Patches are {min(sides):.3g} um wide in one section and {max(sides):.3g} in another, so that they are "
            "hard to compare. Pass one `patch_um` for all.",
            stacklevel=3,
        )
    return {
        **_identity(encoder),
        "dim": encoder.spec.dim,
        "size": encoder.spec.size,
        "patch_um": float(np.median(sides)),
        "version": version("spacrd"),
        "sections": sections,
    }
