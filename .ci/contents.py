"""Check what lies in the sdist and the wheel of a folder: ``python .ci/contents.py dist``."""

from __future__ import annotations

import sys
import tarfile
import zipfile
from pathlib import Path

ROOT = Path(__file__).parents[1]
MAX_BYTES = 1_000_000
BESIDE = {"PKG-INFO", "pyproject.toml", "README.md", "LICENSE", "CHANGELOG.md", "CITATION.cff", ".gitignore"}
"""What an sdist holds beside the source."""


def main(folder: Path) -> None:
    """Raise an AssertionError that names what is missing, or what should not be there."""
    (wheel,), (sdist,) = folder.glob("*.whl"), folder.glob("*.tar.gz")
    source = {
        path.relative_to(ROOT / "src").as_posix()
        for path in (ROOT / "src").rglob("*")
        if path.is_file() and path.suffix != ".pyc"
    }
    assert "spacrd/py.typed" in source
    with zipfile.ZipFile(wheel) as archive:
        packed = {name for name in archive.namelist() if ".dist-info/" not in name}
        licences = [name for name in archive.namelist() if name.endswith(".dist-info/licenses/LICENSE")]
    assert packed == source, f"wheel and source differ in {sorted(packed ^ source)}"
    assert licences, "the wheel has no licence"
    with tarfile.open(sdist) as archive:
        inside = {name.partition("/")[2] for name in archive.getnames()}
    wanted = BESIDE | {f"src/{name}" for name in source}
    assert inside == wanted, f"the sdist lacks {sorted(wanted - inside)} and has {sorted(inside - wanted)} too much"
    for file in (wheel, sdist):
        assert file.stat().st_size < MAX_BYTES, f"{file.name} has {file.stat().st_size} bytes"
        print(f"{file.name}: {file.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
