"""The benchmark of GPUs runs on a CPU with a small model, and says what it could not measure."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from benchmarks import gpu

from tests.making.registry import forget_encoders


def test_it_runs_on_a_cpu_and_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    forget_encoders(monkeypatch)
    words = (
        "--model vit_tiny_patch16_224 --patches 10 --batch-size 4 --spots 288 --genes 60 --image-px 1024 --device cpu"
    )
    found = gpu.main([*words.split(), "--n-workers", "1", "--out", str(tmp_path / "gpu.json")])
    assert found == json.loads((tmp_path / "gpu.json").read_text())
    assert list(found["results"]) == [
        "extract_patches",
        *(f"{call}, {recipe}" for recipe in ("published", "default") for call in ("fit", "score")),
    ]
    encoded = found["results"]["extract_patches"]
    assert 0 < encoded["share"] < 3
    assert encoded["precision"] == "32-true"
    assert "No figure of a GPU" in capsys.readouterr().out.splitlines()[-1]
    assert all(row["seconds"] > 0 for name, row in found["results"].items() if name != "extract_patches")
