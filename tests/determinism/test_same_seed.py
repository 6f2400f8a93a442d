"""The same seed, versions and number of threads give the same bits, in the same process and in another one."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

import spacrd

from .hashes import run

ROOT = Path(__file__).parents[2]


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_the_same_seed_gives_the_same_bits_in_another_process(tmp_path):
    environment = {
        **os.environ,
        "PYTHONHASHSEED": "12345",
        "PYTHONPATH": os.pathsep.join([str(Path(spacrd.__file__).parents[1]), str(ROOT)]),
        "OMP_NUM_THREADS": str(torch.get_num_threads()),
    }
    script = [sys.executable, Path(__file__).with_name("hashes.py"), tmp_path / "found.json"]
    process = subprocess.Popen(script, env=environment, stderr=subprocess.PIPE, text=True)
    try:
        torch.manual_seed(3)  # whatever the state of the global generators
        np.random.seed(3)  # noqa: NPY002
        here = run()
        _, told = process.communicate(timeout=300)
    finally:
        process.kill()
    assert process.returncode == 0, told[-2000:]
    there = json.loads((tmp_path / "found.json").read_text())
    assert here.keys() == there.keys()
    differ = [name for name, value in here.items() if there[name] != value]
    assert not differ, f"differ: {differ}"
