"""The notebooks: they run from top to bottom, and are kept with the images they make."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.making.platforms.examples import write_visium_example

NOTEBOOKS = sorted((Path(__file__).parents[1] / "notebooks").glob("*.ipynb"))
MAX_BYTES = 1_500_000
TIMEOUT_S = 600
EXAMPLES = {"visium": write_visium_example}
"""What makes the folders that a notebook reads."""
SIZE_UM = 1400.0
"""Side of the sections in these folders."""

SMALL = """
import spacrd

toy_visium = spacrd.datasets.toy_visium
spacrd.datasets.toy_visium = lambda **settings: toy_visium(**{**settings, "n_rows": 14, "n_cols": 14, "mpp": 4.0})
toy_xenium = spacrd.datasets.toy_xenium
spacrd.datasets.toy_xenium = lambda **settings: toy_xenium(**{**settings, "size_um": 900.0, "mpp": 4.0})
"""
"""What a kernel runs first: every cell is executed, on small sections."""

RUN = """
import sys, nbformat
from nbclient import NotebookClient

source, target = sys.argv[1:]
notebook = nbformat.read(source, as_version=4)
nbformat.validate(notebook)
NotebookClient(notebook, timeout=None, startup_timeout=600, kernel_name="python3").execute()
nbformat.write(notebook, target)
"""


def _code(path: Path) -> list[dict[str, Any]]:
    return [cell for cell in json.loads(path.read_text(encoding="utf-8"))["cells"] if cell["cell_type"] == "code"]


def _images(cells: list[dict[str, Any]]) -> list[bytes]:
    outputs = [output for cell in cells for output in cell["outputs"]]
    return [base64.b64decode(data) for output in outputs if (data := output.get("data", {}).get("image/png"))]


def run_notebook(notebook: Path, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run a notebook in ``folder/cwd`` and write the result to ``folder/run.ipynb``.

    In a process of its own: a kernel is talked to through sockets, which tests may not open.
    """
    (folder / "cwd").mkdir()
    environment = {name: value for name, value in os.environ.items() if name != "MPLBACKEND"}  # Agg shows no images
    environment |= {"IPYTHONDIR": str(folder / "ipython"), "JUPYTER_PREFER_ENV_PATH": "1"}
    startup = folder / "ipython" / "profile_default" / "startup"
    startup.mkdir(parents=True)
    (startup / "small.py").write_text(SMALL)
    if notebook.stem in EXAMPLES:
        EXAMPLES[notebook.stem](folder / "example", SIZE_UM)
        environment["SPACRD_EXAMPLE"] = str(folder / "example")
    command = [sys.executable, "-c", RUN, str(notebook), str(folder / "run.ipynb")]
    return subprocess.run(
        command, cwd=folder / "cwd", env=environment, capture_output=True, text=True, timeout=TIMEOUT_S, check=False
    )


def test_there_is_a_quickstart() -> None:
    assert "quickstart.ipynb" in [path.name for path in NOTEBOOKS]


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_runs_from_top_to_bottom(notebook: Path, tmp_path: Path) -> None:
    done = run_notebook(notebook, tmp_path)
    assert done.returncode == 0, done.stderr[-4000:]
    assert len(_images(_code(tmp_path / "run.ipynb"))) == len(_images(_code(notebook)))
    assert not list((tmp_path / "cwd").iterdir()), "the notebook left files behind"


def test_an_error_in_a_notebook_is_noticed(tmp_path: Path) -> None:
    cell = {"cell_type": "code", "id": "a", "source": "1 / 0", "outputs": [], "execution_count": None, "metadata": {}}
    broken = tmp_path / "broken.ipynb"
    broken.write_text(json.dumps({"cells": [cell], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}))
    done = run_notebook(broken, tmp_path)
    assert done.returncode != 0
    assert "ZeroDivisionError" in done.stderr


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)
def test_kept_with_images_and_without_noise(notebook: Path) -> None:
    assert notebook.stat().st_size < MAX_BYTES
    cells = _code(notebook)
    assert [cell["execution_count"] for cell in cells] == list(range(1, len(cells) + 1)), "run it from top to bottom"
    images = _images(cells)
    assert images
    assert all(data.startswith(b"\x89PNG") and len(data) > 2_000 for data in images)
    noise = [output for cell in cells for output in cell["outputs"] if _is_noise(output)]
    assert not noise, noise


def _is_noise(output: dict[str, Any]) -> bool:
    """Whether an output is an error, a progress bar, or a warning that is not spacrd's to its user."""
    if output["output_type"] == "error":
        return True
    return output.get("name") == "stderr" and not "".join(output["text"]).startswith("SpacrdWarning: ")
