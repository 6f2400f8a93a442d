"""Whatever is done to a model folder, it loads as a valid model or is refused with a sentence of ours.

Two thousand times: ``SPACRD_LONG=1 pytest -s tests/model/test_fuzz.py``.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
import traceback
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

import spacrd
from spacrd.model import SpaCRD
from spacrd.model._io._folder import CONFIG, HISTORY, WEIGHTS

from ..data.models.make import HERE, read_section
from .folders import memory
from .mutations import mutate

NUMBER = 2000 if os.environ.get("SPACRD_LONG") else 150
LIMIT = 300_000_000
"""Bytes a load may take at most; the models have 80 kB, and a JSON file up to 16 MB."""
HOME = HERE / "v1"
ACTS = (
    "os.system",
    "os.exec",
    "os.posix_spawn",
    "subprocess.Popen",
    "pickle.find_class",
    "socket.connect",
    "os.remove",
)
REFUSED = ("ValueError", "KeyError", "TypeError", "FileNotFoundError", "OSError")
OURS = str(Path(spacrd.__file__).parent)


class Watch:
    """What the interpreter does while a folder is loaded that reading does not need."""

    def __init__(self) -> None:
        self.acts: list[str] = []
        self.on = False
        sys.addaudithook(self._hear)

    def _hear(self, event: str, details: tuple) -> None:
        if self.on and (
            event in ACTS or (event == "open" and isinstance(details[1], str) and set(details[1]) & set("wax+"))
        ):
            self.acts.append(f"{event} {details}")


@pytest.fixture(scope="module")
def watch() -> Iterator[Watch]:
    watch = Watch()
    yield watch
    watch.on = False


def is_ours(error: Exception) -> bool:
    """Whether an error was raised in spacrd, not in a library that it called, and says something."""
    return traceback.extract_tb(error.__traceback__)[-1].filename.startswith(OURS) and len(str(error)) > 20


def held(folder: Path) -> list[object]:
    """What a folder says, however it is laid out."""
    return [json.loads((folder / name).read_text()) for name in (CONFIG, HISTORY)] + [(folder / WEIGHTS).read_bytes()]


def attempt(folder: Path, watch: Watch) -> str:
    """Load a folder, and score with what loads; the kind of error, or ``"loaded"``."""
    model = wrong = None
    watch.acts = []
    with memory() as taken:
        watch.on = True
        try:
            model = SpaCRD.load(folder)
        except (ValueError, KeyError, TypeError, OSError) as error:
            wrong = error
        watch.on = False
    assert taken() < LIMIT
    assert not watch.acts
    if model is not None:
        try:
            spacrd.tl.score(read_section(HOME / "section.csv"), model, copy=True)
        except (ValueError, KeyError) as error:
            wrong = error
    assert wrong is None or is_ours(wrong), repr(wrong)
    if model is None:
        return type(wrong).__name__
    return "loaded, does not fit the section" if wrong else "loaded"


@pytest.mark.filterwarnings("ignore")
def test_mutated_folders_are_refused_or_valid(tmp_path, watch):
    found: Counter[tuple[str, str]] = Counter()
    attempt(HOME / "default", watch)  # so that what is imported on first use is imported
    for number in range(NUMBER):
        rng = np.random.default_rng(number)
        name, other = rng.permutation(["default", "published"])
        folder = tmp_path / str(number) / "model"
        shutil.copytree(HOME / name, folder)
        what = mutate(folder, HOME / other, rng)
        try:
            outcome = attempt(folder, watch)
            # Without a new checksum nothing passes but what changes nothing.
            assert outcome in REFUSED or "sealed" in what or held(folder) == held(HOME / name)
        except BaseException as error:
            error.add_note(f"mutation {number}: {what}")
            raise
        found[what, outcome] += 1
        shutil.rmtree(folder.parent)
    print(NUMBER, dict(sorted(found.items())))
    assert sum(n for (_, outcome), n in found.items() if outcome in REFUSED) > 0.8 * NUMBER
