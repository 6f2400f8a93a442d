"""Small sections on disk, a model of two of them, and the command line in this process."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from spacrd._cli import main
from tests.making.toys import LABELS, write_toys


class Said(NamedTuple):
    """What one call of the command line left."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


@pytest.fixture
def cli(capsys: pytest.CaptureFixture[str]) -> Callable[..., Said]:
    def call(*words: object) -> Said:
        try:
            code = main([str(word) for word in words])
        except SystemExit as stopped:
            code = int(str(stopped.code))
        return Said(code, *capsys.readouterr())

    return call


@pytest.fixture(scope="session")
def toys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of ``toy_1.zarr`` to ``toy_3.zarr`` and ``toy_3.h5ad``, with patches; ``raw_3.zarr`` has none."""
    return write_toys(tmp_path_factory.mktemp("toys"))


@pytest.fixture(scope="session")
def model(toys: Path) -> Path:
    """A model of the first two, barely trained."""
    words = ["fit", toys / "toy_1.zarr", toys / "toy_2.zarr", *LABELS]
    words += ["--out", toys / "model", "--quiet"]
    assert main([str(word) for word in words]) == 0
    return toys / "model"
