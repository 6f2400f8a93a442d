"""Shared by all tests: no network, no windows, no progress bars, and the folder of real sections."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

os.environ.setdefault("SPACRD_PROGRESS", "0")
os.environ.setdefault("SPACRD_DEVICE", "cpu")
os.environ.setdefault("HF_HUB_OFFLINE", "1")
# One thread a process, before anything starts its own: processes beside each other use the cores, and small networks
# train several times faster so. numba counts too: where it starts, torch takes over its number of threads.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("NUMBA_NUM_THREADS", "1")

import matplotlib

matplotlib.use("Agg")

import pytest
from pytest_socket import disable_socket

if TYPE_CHECKING:
    from tests.making.hub import FakeHub
    from tests.making.platforms.folders import Folder

MAX_PROCESSES = 4
"""Each holds torch, scanpy and its own fitted models: about 1 GB."""

REAL_DATA = Path(os.environ.get("SPACRD_DATA") or Path(__file__).parents[1].parent / "shared" / "data")


def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """As many processes as this one may use cores; none beside it for single files, which start sooner so."""
    if all(argument.split("::")[0].endswith(".py") for argument in config.args):
        return 0
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(cores, MAX_PROCESSES) if cores > 1 else 0


def pytest_configure(config: pytest.Config) -> None:
    # Here and not in pyproject.toml: the class is imported for it, which must not be before the environment is set.
    config.addinivalue_line("filterwarnings", "error::spacrd._checks.SpacrdWarning")


def pytest_runtest_setup(item: pytest.Item) -> None:
    # Unix sockets stay open: worker processes talk through them.
    disable_socket(allow_unix_socket=True)
    if item.get_closest_marker("real_data") and not REAL_DATA.is_dir():
        pytest.skip(f"real sections are absent: {REAL_DATA} is no folder (set SPACRD_DATA to it)")


@pytest.fixture(scope="session")
def real_data() -> Path:
    """Folder of the real sections; tests that use it carry the marker ``real_data``."""
    if not REAL_DATA.is_dir():
        pytest.skip(f"real sections are absent: {REAL_DATA} is no folder (set SPACRD_DATA to it)")
    return REAL_DATA


@pytest.fixture(autouse=True)
def _close_figures() -> Iterator[None]:
    yield
    if (pyplot := sys.modules.get("matplotlib.pyplot")) is not None:
        pyplot.close("all")


@pytest.fixture(scope="session")
def _painted_once() -> Callable[..., Any]:
    from spacrd.datasets import _toy_image
    from tests.making.painted import painted_once

    return painted_once(_toy_image.paint)


@pytest.fixture(autouse=True)
def _paint_once(_painted_once: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """Paint each toy section once; painting takes most of the time of making one."""
    monkeypatch.setattr("spacrd.datasets._toy_image.paint", _painted_once)


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> Iterator[FakeHub]:
    """A hub in memory, reached by the hub's own client."""
    from tests.making.hub import fake_hub

    with fake_hub(monkeypatch, tmp_path_factory.mktemp("hub")) as fake:
        yield fake


def _made_once(make: Callable[..., Folder], new_folder: Callable[[], Path]) -> Callable[..., Folder]:
    """Make each folder once: the same arguments give the same one."""
    made: dict[Any, Folder] = {}

    def call(*arguments: Any, **options: Any) -> Folder:
        key = (arguments, tuple(options.items()))
        if key not in made:
            made[key] = make(new_folder(), *arguments, **options)
        return made[key]

    return call


@pytest.fixture(scope="session")
def visium_folder(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Folder]:
    """Make a Space Ranger folder, with the arguments of ``make_visium``."""
    from tests.making.platforms.folders import make_visium

    return _made_once(make_visium, lambda: tmp_path_factory.mktemp("visium"))


@pytest.fixture(scope="session")
def hd_folder(tmp_path_factory: pytest.TempPathFactory) -> Folder:
    """A Visium HD folder."""
    from tests.making.platforms.folders import make_visium_hd

    return make_visium_hd(tmp_path_factory.mktemp("hd"))


@pytest.fixture(scope="session")
def xenium_folder(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Folder]:
    """Make a Xenium folder, with the arguments of ``make_xenium``."""
    from tests.making.platforms.folders import make_xenium

    return _made_once(make_xenium, lambda: tmp_path_factory.mktemp("xenium"))
