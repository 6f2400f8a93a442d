"""Ctrl-C at any moment: KeyboardInterrupt, the objects as they were or finished, and nothing left running."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import spacrd
from tests.making import colour_encoder
from tests.making.image_sections import make_adata, make_sdata
from tests.making.recipes import SHORT
from tests.making.scored import scored_adata
from tests.making.sections import POSITIVE, make_section
from tests.making.states import state

LONG = bool(os.environ.get("SPACRD_LONG"))
PACKAGE = str(Path(spacrd.__file__).parent)


class CtrlC:
    """Counts the lines of spacrd that run in this thread, and sends SIGINT to this process before one of them."""

    def __init__(self, at: int = -1) -> None:
        self.count, self.at = 0, at

    def __enter__(self) -> CtrlC:
        self._before = sys.gettrace()
        sys.settrace(self._call)
        return self

    def __exit__(self, *_: Any) -> None:
        sys.settrace(self._before)

    def _call(self, frame: Any, event: str, _: Any) -> Any:
        return self._line if frame.f_code.co_filename.startswith(PACKAGE) else None

    def _line(self, frame: Any, event: str, _: Any) -> Any:
        if event == "line":
            self.count += 1
            if self.count - 1 == self.at:
                signal.raise_signal(signal.SIGINT)
        return self._line


def lines_of(call: Callable[[], Any]) -> int:
    with CtrlC() as counted:
        call()
    return counted.count


def extract(data):
    spacrd.pp.extract_patches(data, encoder="colour", batch_size=16, n_workers=2, store_shapes=True)


SQUARE = {"type": "Polygon", "coordinates": [[[0, 0], [300, 0], [300, 300], [0, 300], [0, 0]]]}
DRAWN = {"type": "Feature", "geometry": SQUARE, "properties": {"classification": "Tumor"}}


def annotated(data):
    spacrd.pp.annotate(data, DRAWN, key_added="drawn")


def sdata_with_scores():
    sdata = make_sdata()
    table = sdata["table"]
    likelihood = np.linspace(0, 1, table.n_obs, dtype=np.float32)
    table.obs["spacrd_likelihood"] = likelihood
    table.obs["spacrd_region"] = np.where(likelihood > 0.5, "cancer", "normal")
    return sdata


def fit(data):
    spacrd.tl.fit(data, "pathologist", positive=POSITIVE, recipe=SHORT)


def cross_validate(data):
    spacrd.tl.cross_validate(data, "pathologist", positive=POSITIVE, recipe=SHORT, baselines=False)


CALLS: dict[str, tuple[Callable[[], Any], Callable[[Any], Any], int]] = {
    "extract": (make_sdata, extract, 12),
    "annotate": (make_adata, annotated, 12),
    "regions": (sdata_with_scores, lambda data: spacrd.tl.regions(data), 20),
    "threshold": (scored_adata, lambda data: spacrd.tl.threshold(data, method=0.3), 20),
    "fit": (lambda: make_section(1, n=49), fit, 5),
    "cross_validate": (lambda: [make_section(seed, n=49) for seed in (1, 2)], cross_validate, 2),
}
"""What to make, what to call on it, and how often to interrupt it."""


@pytest.fixture(autouse=True)
def _colour(monkeypatch):
    colour_encoder.register(monkeypatch)


def everything(data: Any) -> dict[str, str]:
    return state({str(i): item for i, item in enumerate(data if isinstance(data, list) else [data])})


def surroundings() -> tuple[Any, ...]:
    """What a call may change while it runs, and must put back."""
    deterministic = torch.are_deterministic_algorithms_enabled(), torch.is_deterministic_algorithms_warn_only_enabled()
    random_states = torch.get_rng_state().numpy().tobytes(), str(np.random.get_state())  # noqa: NPY002
    return signal.getsignal(signal.SIGINT), torch.get_num_threads(), deterministic, random_states, repr(spacrd.settings)


def running() -> set[threading.Thread]:
    return {thread for thread in threading.enumerate() if thread.name.startswith("spacrd")}


def check(make: Callable[[], Any], call: Callable[[Any], Any], times: int) -> tuple[int, int]:
    """Interrupt the call at ``times`` lines, half of them among the last; how often the old and the new was found."""
    call(make())  # what is imported and compiled at first use
    data = make()
    old = everything(data)
    total = lines_of(lambda: call(data))
    new = everything(data)
    rng = random.Random(0)
    points = {rng.randrange(total) for _ in range(times - times // 2)} | {total - 1 - i for i in range(times // 2)}
    found = [0, 0]
    for at in sorted(points):
        data = make()
        before = surroundings()
        with CtrlC(at) as ended, contextlib.suppress(KeyboardInterrupt):
            call(data)
            # Threads make a call some lines longer or shorter.
            assert ended.count <= at, "Ctrl-C was swallowed"
        assert surroundings() == before
        assert not running()
        now = everything(data)
        differ = [sorted(key for key in {*now, *then} if now.get(key) != then.get(key)) for then in (old, new)]
        assert not all(differ), f"at line {at} of {total}: neither old, {differ[0]}, nor new, {differ[1]}"
        found[0 if not differ[0] else 1] += 1
    return found[0], found[1]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", CALLS)
def test_objects_are_as_before_or_finished(name):
    make, call, times = CALLS[name]
    old, new = check(make, call, 200 if LONG and times > 5 else 25 if LONG else times)
    print(name, "old", old, "new", new)
    assert old


@pytest.mark.filterwarnings("ignore")
def test_an_interrupted_score_leaves_the_object_as_it_was_or_scored(model):
    old, _ = check(lambda: make_section(3), lambda data: spacrd.tl.score(data, model), 200 if LONG else 20)
    assert old


def test_ctrl_c_in_the_middle_of_training_leaves_python_running():
    """Lightning would end the process, and ignore Ctrl-C from then on."""
    from lightning.pytorch import Callback

    class Press(Callback):
        def on_train_batch_end(self, *_: Any) -> None:
            signal.raise_signal(signal.SIGINT)

    before = surroundings()
    with pytest.raises(KeyboardInterrupt):
        spacrd.tl.fit(make_section(1), "pathologist", positive=POSITIVE, recipe=SHORT, callbacks=[Press()])
    assert surroundings() == before


def test_other_ways_out_of_training_stay_what_they_are():
    from lightning.pytorch import Callback

    class Leave(Callback):
        def on_train_batch_end(self, *_: Any) -> None:
            sys.exit(3)

    with pytest.raises(SystemExit, match="3"):
        spacrd.tl.fit(make_section(1), "pathologist", positive=POSITIVE, recipe=SHORT, callbacks=[Leave()])
