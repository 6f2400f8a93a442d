"""Windows of an array, read without the cost of building a graph for each."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

WindowReader = Callable[[int, int, int, int], np.ndarray]
"""(y0, y1, x0, x1) -> (channels, h, w)."""
MAX_TASKS = 16
"""Tasks of dask for a chunk that is read rather than computed."""


def window_reader(array: Any) -> WindowReader:
    """Return how to read windows of ``array`` (channels, height, width): numpy, zarr, dask or what is sliced alike."""
    if not hasattr(array, "__dask_graph__") or held_on_cluster(array):
        return lambda y0, y1, x0, x1: np.asarray(array[:, y0:y1, x0:x1])
    return _dask_reader(array)


def read_window(read: WindowReader, y0: int, y1: int, x0: int, x1: int) -> np.ndarray:
    """Read a window of an image; whatever its codec raises for a damaged file becomes an OSError or ValueError.

    Raises
    ------
    OSError, ValueError
        If it cannot be read, or cannot be decoded.
    """
    try:
        window = read(y0, y1, x0, x1)
        if window.shape[-2:] != (y1 - y0, x1 - x0):
            raise ValueError(f"{window.shape[-1]} x {window.shape[-2]} px in place of {x1 - x0} x {y1 - y0}")
        return window
    except MemoryError:
        raise
    except Exception as error:
        kind = OSError if isinstance(error, OSError) else ValueError
        raise kind(
            f"The image cannot be read at x {x0} to {x1}, y {y0} to {y1} ({type(error).__name__}: {error}): its file "
            "is damaged, cut short or out of reach. Copy it again."
        ) from error


def held_on_cluster(array: Any) -> bool:
    """Whether some chunks of a dask array are results on a cluster, which only its scheduler can fetch."""
    graph: Mapping[Any, Any] = getattr(array, "__dask_graph__", dict)()
    return any(type(value).__module__.startswith("distributed.") for value in graph.values())


def is_cheap(array: Any) -> bool:
    """Whether few tasks give a chunk of ``array``; levels that readers derive are computed from a larger one."""
    graph: Mapping[Any, Any] = getattr(array, "__dask_graph__", dict)()
    return len(graph) <= MAX_TASKS * getattr(array, "npartitions", 1)


def _dask_reader(array: Any) -> WindowReader:
    """Optimise the graph once for all chunks, and run the few tasks of each window in this thread.

    Slicing the array for each window costs as much as decoding it.
    """
    import dask
    from dask.local import get_sync
    from dask.optimization import cull

    (array,) = dask.optimize(array)
    graph = dict(array.__dask_graph__())
    starts = [np.concatenate([[0], np.cumsum(sizes)]) for sizes in array.chunks]

    def chunks_of(low: int, high: int, axis: int) -> range:
        first, last = np.searchsorted(starts[axis], [low, high - 1], side="right") - 1
        return range(int(first), int(last) + 1)

    def chunk(key: Any) -> np.ndarray:
        task = graph[key]
        if callable(task):
            # dask wraps what a task reads in a node that holds it.
            inputs = {name: getattr(graph[name], "value", graph[name]) for name in getattr(task, "dependencies", ())}
            # One fused task that reads one array: the scheduler would cost as much as decoding a small chunk.
            if all(hasattr(value, "__array__") for value in inputs.values()):
                return np.asarray(task(inputs))
        return np.asarray(get_sync(cull(graph, [key])[0], key))

    def read(y0: int, y1: int, x0: int, x1: int) -> np.ndarray:
        rows, columns, planes = chunks_of(y0, y1, 1), chunks_of(x0, x1, 2), range(len(array.chunks[0]))
        blocks = [[[chunk((array.name, c, y, x)) for x in columns] for y in rows] for c in planes]
        whole = blocks[0][0][0] if len(planes) * len(rows) * len(columns) == 1 else np.block(blocks)
        top, left = y0 - int(starts[1][rows[0]]), x0 - int(starts[2][columns[0]])
        return whole[:, top : top + y1 - y0, left : left + x1 - x0]

    return read
