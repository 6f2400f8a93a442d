"""From spots on an image to one embedding per spot."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import encoders
from .._checks import check_bools, check_micrometres, check_positive_int, check_result_key
from .._interrupt import uninterrupted
from .._keys import Keys
from .._sections import Section, Selection, as_list, get_table, result_record, split_each, write_results
from ._cluster import check_client, check_reach, embed_on_cluster
from ._embed import BLACK, WHITE, PatchBlocks, embed_sections, plan_section
from ._jobs import PatchJob, locate_squares, plan_job, squares_of
from ._record import PatchArrays, record, shape_names, start_arrays, warn_lost, warn_unequal
from ._store import find_store, open_store

if TYPE_CHECKING:
    from anndata import AnnData
    from distributed import Client
    from spatialdata import SpatialData


def extract_patches(
    data: AnnData | SpatialData | Sequence[AnnData | SpatialData],
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
    precision: str = "32-true",
    n_workers: int = 1,
    client: Client | None = None,
    resume: str | os.PathLike[str] | None = None,
    copy: bool = False,
) -> AnnData | SpatialData | list[AnnData | SpatialData] | None:
    """Cut a square patch around each spot and embed it.

    The patch is centred on the spot, aligned with the axes of the coordinate system and resampled once, from the
    coarsest pyramid level that is fine enough, to the input of the encoder. Beyond the border it is filled by
    reflection.

    Parameters
    ----------
    data
        Section or sections with an image: an AnnData with ``obsm["spatial"]`` in full-resolution pixels and images
        in ``uns["spatial"]``, or a SpatialData as its readers return it; or a list of them, embedded one after the
        other and written together at the end.
    encoder
        ``"handcrafted"`` (colour and texture, no weights), a name of :func:`spacrd.encoders.available`, a model name
        of timm, ``"hf-hub:org/name"``, ``"local-dir:/path"``, or the name of an encoder you registered.
    image_key
        Name of the image; by default the only one, or the finest that the reader made of the slide.
    table_key
        Table of a SpatialData.
    region
        Work on the rows of this region (or library) alone; others keep what they had.
    coordinate_system
        Coordinate system of a SpatialData in which patches are square; by default one that spots and image share.
    library_key
        Column of ``obs`` that names the sections; by default the region key of a SpatialData table.
    patch_um
        Side of a patch in micrometres; by default the spot diameter.
    mpp
        Micrometres per pixel of the image at its finest level; by default found from the spots: from the array
        lattice, else from the stored spot diameter.
    weights
        Weights file or folder of the encoder; None for the published ones; False for an untrained model.
    key_added
        Slot of ``obsm``; by default ``"X_<encoder>"``, with ``/`` and ``:`` replaced by ``_``.
    store_shapes
        Store the patch squares in ``shapes``: True for the name ``"<region>_<encoder>_patches"``, or a name.
    batch_size
        Patches embedded at once. Halved with a warning if the device runs out of memory.
    device
        Torch device; by default ``spacrd.settings.device``.
    precision
        ``"32-true"``, or ``"bf16-mixed"`` or ``"16-mixed"`` to run torch encoders under autocast.
    n_workers
        Threads that read the next patches while these are embedded; the result does not depend on it.
    client
        A ``dask.distributed.Client``: its workers read and embed, block by block. They must see the image and the
        weights under the same paths. The blocks of a worker that dies are given to another.
    resume
        Folder for finished blocks of patches, made if it does not exist. A second call with the same input continues
        where the first was interrupted: pixels are read again and compared, only embedding is spared. By default
        nothing is written to disk.
    copy
        Return a copy (for a list, a list of copies) instead of writing to ``data``.

    Returns
    -------
    None, or the copy. Written are ``obsm[key_added]``, (n_obs, dim) float32, NaN where the spot lies off the image;
    ``obs["spacrd_in_image"]``; ``obs["spacrd_padded"]``, whether the patch reaches beyond the border; and
    ``uns["spacrd"][key_added]``, with what was used and, under ``"sections"``, how large the pixels were and how that
    was found.

    Raises
    ------
    ValueError
        If there is no image, or several and none is named; if spots cannot lie where they are said to lie; if the
        scale cannot be found; if weights are damaged; if ``resume`` holds blocks of other spots, pixels, patches or
        another encoder.
    KeyError
        If a name is unknown; the message lists those that exist.
    PermissionError
        If the weights are gated.

    Examples
    --------
    >>> import spacrd
    >>> sdata = spacrd.datasets.toy_visium(n_rows=10, n_cols=10)
    >>> spacrd.pp.extract_patches(sdata)
    >>> sdata["table"].obsm["X_handcrafted"].shape[0] == sdata["table"].n_obs
    True

    Several sections, and blocks kept in a folder, so that the work can be interrupted and called again:

    >>> other = spacrd.datasets.toy_visium(n_rows=10, n_cols=10, seed=1)
    >>> spacrd.pp.extract_patches([sdata, other], n_workers=2, resume="blocks")
    """
    check_bools(copy=copy)
    if resume is not None:
        find_store(resume)  # before weights are loaded
    check_positive_int(batch_size, "batch_size")
    check_positive_int(n_workers, "n_workers", minimum=0)
    if patch_um is not None:
        check_micrometres(patch_um, "patch_um")
    if client is not None:
        check_client(client)
    spec = encoders.get(encoder)
    key = _result_key(key_added, spec.name)
    selection = Selection(
        table_key=table_key,
        library_key=library_key,
        region=region,
        image_key=image_key,
        coordinate_system=coordinate_system,
    )
    inputs = _inputs(as_list(data), selection, key, store_shapes, spec.name)
    # Placement is checked before weights are loaded, which may take minutes.
    squares = [[locate_squares(one, selection, patch_um, mpp) for one in each.sections] for each in inputs]
    if client is not None:
        check_reach([one.placement for group in squares for one in group])
    loaded = encoders.load(spec, weights=weights, device=device, precision=precision)
    jobs = [[plan_job(one, loaded.spec.size) for one in group] for group in squares]
    arrays = [start_arrays(each.table, each.sections, key, loaded) for each in inputs]
    records = [record(each.table, key, loaded, group) for each, group in zip(inputs, jobs, strict=True)]
    warn_unequal(records)
    plans = _plan(jobs, loaded, batch_size, resume)
    every = [plan for group in plans for plan in group]
    if client is None:
        results = embed_sections(every, loaded, n_workers)
    else:
        results = embed_on_cluster(client, every, loaded, n_workers, weights=weights, device=device)
    _fill(arrays, plans, results)
    with uninterrupted():
        finished = zip(inputs, arrays, records, jobs, strict=True)
        copies = [_write(*one, table_key=table_key, key=key, copy=copy) for one in finished]
    return (copies if isinstance(data, Sequence) else copies[0]) if copy else None


def _result_key(key_added: str | None, encoder: str) -> str:
    key = check_result_key(key_added if key_added is not None else Keys.embedding(encoder))
    if key == Keys.SPATIAL:
        raise ValueError("key_added='spatial' would replace the coordinates of the spots. Choose another name.")
    return key


@dataclass(frozen=True)
class _Input:
    """An AnnData or SpatialData, its table, its sections, and the elements of patch squares that it gets."""

    data: AnnData | SpatialData
    table: AnnData
    sections: list[Section]
    shapes: list[str]


def _inputs(
    objects: list[Any], selection: Selection, key: str, store_shapes: str | bool | None, encoder: str
) -> list[_Input]:
    """Read the objects; a slot that cannot be kept up is refused before the work, not after it."""
    inputs = []
    for data, sections in zip(objects, split_each(objects, selection), strict=True):
        table = get_table(data, selection.table_key)
        result_record(table, key)
        inputs.append(_Input(data, table, sections, shape_names(sections, store_shapes, encoder)))
    return inputs


def _plan(
    jobs: list[list[PatchJob]], encoder: encoders.Encoder, batch_size: int, resume: str | os.PathLike[str] | None
) -> list[list[PatchBlocks]]:
    """Cut the sections of each table into blocks, with a folder for finished ones if there is one."""
    store = None if resume is None else open_store(resume)
    return [
        [plan_section(job, encoder, batch_size, store, f"{number}: {job.section.name}") for job in group]
        for number, group in enumerate(jobs)
    ]


def _fill(
    arrays: list[PatchArrays],
    plans: list[list[PatchBlocks]],
    results: Generator[tuple[PatchBlocks, np.ndarray, np.ndarray, np.ndarray]],
) -> None:
    """Fill the arrays of each table with the results of its sections, and warn of black and white patches."""
    array_of = {id(plan): each for each, group in zip(arrays, plans, strict=True) for plan in group}
    flat = [plan for group in plans for plan in group]
    lost_of = {id(plan): np.zeros(len(plan.job.section.rows), np.uint8) for plan in flat}
    with contextlib.closing(results):
        for plan, rows, values, lost in results:
            array_of[id(plan)].embedding[plan.job.section.rows[rows]] = values
            lost_of[id(plan)][rows] = lost
    for plan in flat:
        each, job = array_of[id(plan)], plan.job
        each.in_image[job.section.rows], each.padded[job.section.rows] = job.inside, job.padded
        warn_lost(job, lost_of[id(plan)] == BLACK, lost_of[id(plan)] == WHITE)


def _write(
    given: _Input,
    arrays: PatchArrays,
    facts: dict[str, Any],
    jobs: list[PatchJob],
    *,
    table_key: str,
    key: str,
    copy: bool,
) -> Any:
    """Write the results of one object, and return the copy if there is one."""
    squares = {name: squares_of(job) for name, job in zip(given.shapes, jobs, strict=False)}
    obs = {Keys.IN_IMAGE: arrays.in_image, Keys.PADDED: arrays.padded}
    result = write_results(
        given.data, table_key=table_key, obs=obs, obsm={key: arrays.embedding}, uns={key: facts}, copy=copy
    )
    target = result if copy else given.data
    for name, element in squares.items():
        if name in target.shapes:
            del target.shapes[name]
        target.shapes[name] = element
    return result
