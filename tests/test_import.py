"""What ``import spacrd`` loads, measured in a fresh interpreter."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

import spacrd
from spacrd._cli._main import COMMANDS

HEAVY = ("torch", "timm", "squidpy", "spatialdata", "scanpy", "lightning", "matplotlib", "sklearn", "anndata", "pandas")


LISTEN = """
import os, sys
os.environ.pop("HF_HUB_OFFLINE", None)
asked, network = [], {"socket.connect", "socket.getaddrinfo", "socket.gethostbyname", "socket.sendto"}
sys.addaudithook(lambda event, arguments: asked.append((event, arguments)) if event in network else None)
"""
"""Collects what is asked of a network, which the tests' own settings would hide."""


def run(code: str) -> str:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_import_is_light() -> None:
    loaded = run("import sys, spacrd; print(*{m.split('.')[0] for m in sys.modules})").split()
    assert "spacrd" in loaded
    assert not set(HEAVY) & set(loaded)


@pytest.mark.parametrize("module", ["datasets", "metrics", "pl", "pp", "encoders", "rivals"])
def test_modules_load_neither_torch_nor_timm(module: str) -> None:
    loaded = run(f"import sys, spacrd; spacrd.{module}; print(*{{m.split('.')[0] for m in sys.modules}})").split()
    assert not {"torch", "timm", "squidpy", "spatialdata"} & set(loaded)


def test_importing_reaches_for_no_network() -> None:
    names = "model train datasets encoders metrics pl pp rivals tl".split()
    parts = ", ".join(f"spacrd.{name}" for name in names)
    run(f"{LISTEN}\nimport spacrd, {parts}\nassert not asked, asked")


def test_recipes_are_there_without_a_fit() -> None:
    assert run("import spacrd; print(*spacrd.model.RECIPES)") == "published default"


def test_everything_public_exists() -> None:
    for name in spacrd.__all__:
        assert getattr(spacrd, name) is not None


def test_unknown_attribute() -> None:
    with pytest.raises(AttributeError, match="nothing_here"):
        _ = spacrd.nothing_here


def test_every_warning_is_of_our_own_category() -> None:
    assert issubclass(spacrd.SpacrdWarning, UserWarning)
    sources = Path(spacrd.__file__).parent.rglob("*.py")
    assert [path.name for path in sources if "warnings.warn(" in path.read_text()] == ["_checks.py"]


@pytest.mark.parametrize("command", [*(command.name for command in COMMANDS), ""])
def test_help_imports_nothing_heavy(command: str) -> None:
    words = [*filter(None, [command]), "--help"]
    show = (
        "import sys, spacrd.__main__\ntry:\n    spacrd.__main__.main({})\nexcept SystemExit:\n    print(*sys.modules)"
    )
    loaded = run(show.format(words)).splitlines()[-1].split()
    assert "spacrd._cli._options" in loaded
    assert not {*HEAVY, "scipy", "zarr", "h5py"} & set(loaded)


def test_a_fit_and_a_score_import_no_training_library_and_ask_no_network() -> None:
    code = """
        import warnings
        import numpy as np, pandas as pd, anndata
        import spacrd
        warnings.simplefilter("ignore")
        def table(seed):
            cancer = np.arange(144) % 12 < 6
            counts = np.random.default_rng(seed).poisson(1 + 4 * cancer[:, None] * (np.arange(30) < 5)).astype("f4")
            obs = pd.DataFrame({"label": np.where(cancer, "cancer", "normal")}, index=np.arange(144).astype(str))
            made = anndata.AnnData(counts, obs=obs, var=pd.DataFrame(index=[f"g{i}" for i in range(30)]))
            made.obsm["spatial"] = np.stack(np.divmod(np.arange(144), 12), axis=1)[:, ::-1] * 100.0
            return made
        model = spacrd.tl.fit([table(1), table(2)], "label", positive="cancer", modality="expression")
        assert model.config.calibration.n_sections == 2
        spacrd.tl.score(table(3), model)
        assert not asked, asked
        print(*sys.modules)
    """
    loaded = run(LISTEN + textwrap.dedent(code)).splitlines()[-1].split()
    assert "torch" in loaded
    assert not {"lightning", "torchvision", "scanpy", "numba", "timm", "matplotlib", "torch._dynamo"} & set(loaded)
