"""A cross-validation on two processes: ``python -m tests.faults.processes FOLDER``."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import spacrd
from tests.making.recipes import SHORT
from tests.making.sections import POSITIVE, make_section


def validate(folder: Path, **arguments: Any) -> Any:
    """Many fits, so that it can be met at work."""
    data = [make_section(seed, n=49) for seed in range(3)]
    arguments = {"recipe": replace(SHORT, fusion_epochs=20), "baselines": False, "seeds": range(40), **arguments}
    return spacrd.tl.cross_validate(data, "pathologist", positive=POSITIVE, resume=folder / "cv", n_jobs=2, **arguments)


if __name__ == "__main__":
    validate(Path(sys.argv[1]))
