"""The pipeline of docs/cli.md runs as it stands, on smaller sections."""

from __future__ import annotations

import json
import re
import shlex
from functools import partial
from pathlib import Path

import spacrd
from spacrd._cli import _main
from spacrd._cli._parser import EXIT_CODES
from tests.making.toys import SMALL

PAGE = (Path(__file__).parents[2] / "docs" / "cli.md").read_text()


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", PAGE, flags=re.DOTALL)


def test_the_pipeline_runs(tmp_path: Path, cli, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    small = partial(spacrd.datasets.toy_visium, **SMALL)
    monkeypatch.setattr(spacrd.datasets, "toy_visium", small)
    (code,) = blocks("python")
    exec(code, {})  # the example is part of this repository
    pipeline, reading = blocks("bash")
    seen = []
    for line in [*pipeline.splitlines(), reading.splitlines()[0]]:
        words, _, redirected = line.partition(" > ")
        _, command, *rest = shlex.split(words)
        said = cli(command, *rest)
        assert said.code == 0, said.err
        seen.append(command)
        if redirected:
            Path(redirected).write_text(said.out)
    assert seen == ["patches", "fit", "score", "evaluate", "report", "score"]
    code = shlex.split(reading.splitlines()[1])[2]
    exec(code, {})
    assert json.loads(Path("score.json").read_text())["command"] == "score"
    assert "<html" in Path("report.html").read_text()
    assert {"toy_1.zarr", "patches", "model", "scored.zarr", "spots.csv"} <= {item.name for item in tmp_path.iterdir()}


def test_the_page_names_every_command_and_exit_code() -> None:
    assert set(re.findall(r"^\| `spacrd ([\w-]+)`", PAGE, flags=re.M)) == {command.name for command in _main.COMMANDS}
    for code in re.findall(r"\b\d+\b", EXIT_CODES):
        assert re.search(rf"^\|.*\b{code}\b", PAGE, flags=re.M), code
