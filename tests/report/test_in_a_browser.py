"""The report opened in a real browser, without a window: does it show, fetch nothing, and fit a phone?"""

from __future__ import annotations

import html
import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

import spacrd
from tests.making.scored import scored_adata

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
BROWSER = next(filter(None, map(shutil.which, BROWSERS)), None)
pytestmark = pytest.mark.skipif(BROWSER is None, reason=f"no browser: none of {', '.join(BROWSERS)} is on the PATH")

PROBE = """<script>
const seen = [];
addEventListener("securitypolicyviolation", event => seen.push(event.blockedURI));
addEventListener("load", () => {
  const root = document.documentElement, images = [...document.images];
  root.dataset.probe = JSON.stringify({
    seen,
    fetched: performance.getEntriesByType("resource").map(entry => entry.name).filter(name => !/^data:/.test(name)),
    drawn: images.filter(image => image.complete && image.naturalWidth > 100).length,
    images: images.length,
    dark: images.filter(image => image.currentSrc !== image.src).length,
    page: getComputedStyle(document.body).backgroundColor,
    overflow: root.scrollWidth - root.clientWidth,
    title: document.title,
  });
});
</script>"""


def browse(file: Path, folder: Path, *options: str) -> tuple[str, str]:
    """The page's elements after it was loaded, and what the browser logged."""
    assert BROWSER is not None
    # A container has neither a sandbox for it nor much shared memory; the name server is no one.
    command = [BROWSER, "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run"]
    command += [
        "--disable-background-networking",
        "--disable-component-update",
        "--host-resolver-rules=MAP * ~NOTFOUND",
    ]
    command += ["--enable-logging=stderr", f"--user-data-dir={folder / 'profile'}", *options, "--dump-dom"]
    done = subprocess.run([*command, file.as_uri()], capture_output=True, text=True, timeout=120, check=True)
    return done.stdout, done.stderr


def probed(file: Path, folder: Path, *options: str) -> dict[str, object]:
    """What a script inside a copy of the page finds; the copy allows that script, and nothing else."""
    text = file.read_text(encoding="utf-8").replace(
        "default-src 'none'", "default-src 'none'; script-src 'unsafe-inline'"
    )
    copy = folder / "probed.html"
    copy.write_text(text.replace("<meta name=", PROBE + "<meta name=", 1), encoding="utf-8")
    dom, _ = browse(copy, folder, *options)
    (found,) = re.findall(r'data-probe="([^"]*)"', dom)
    return json.loads(html.unescape(found))


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    name = "<script>document.title='taken'; console.error('run')</script>"
    adata = scored_adata(libraries=(name, "a_section_with_one_very_long_name_" * 3), image=True)
    for report in adata.uns["spacrd"]["spacrd"]["sections"].values():
        report.update(verdict="tumour", gene_coverage=0.2)
    return spacrd.report(adata, tmp_path_factory.mktemp("report") / "report.html")


def test_shows_without_complaint(file: Path, tmp_path: Path) -> None:
    dom, log = browse(file, tmp_path)
    assert "For research use only" in dom and "<main>" in dom
    assert "CONSOLE" not in log, log


def test_fetches_nothing_and_draws_everything(file: Path, tmp_path: Path) -> None:
    found = probed(file, tmp_path, "--window-size=1280,900")
    assert found["seen"] == found["fetched"] == []
    assert found["drawn"] == found["images"] == 7
    assert found["dark"] == 0
    assert found["page"] == "rgb(255, 255, 255)"
    assert str(found["title"]).startswith("Cancer likelihood: <script>")


def test_a_click_on_a_heading_sorts_the_table(file: Path, tmp_path: Path) -> None:
    copy = tmp_path / "sorted.html"
    click = "<script>for (let i = 0; i < 2; i++) document.querySelectorAll('.sortable button')[0].click();</script>"
    allowed = "default-src 'none'; script-src 'unsafe-inline'"  # the first of two lists counts
    text = file.read_text(encoding="utf-8").replace("default-src 'none'", allowed)
    copy.write_text(text.replace("</body>", f"{click}</body>"), encoding="utf-8")
    dom, _ = browse(copy, tmp_path)
    order = re.findall(r'<th scope="row" data-value="([^"]*)"', dom)
    assert order == sorted(order, key=str.casefold, reverse=True) and len(order) == 2


def test_dark_on_a_phone(file: Path, tmp_path: Path) -> None:
    found = probed(file, tmp_path, "--window-size=390,800", "--blink-settings=preferredColorScheme=0")
    assert found["page"] == "rgb(22, 25, 29)"
    assert found["dark"] == 5  # the overview, maps and distributions; the image is the same
    assert found["overflow"] == 0


def test_a_image_from_elsewhere_would_be_seen(file: Path, tmp_path: Path) -> None:
    changed = tmp_path / "changed.html"
    changed.write_text(file.read_text(encoding="utf-8").replace("<main>", '<main><img src="http://localhost/x.png">'))
    assert probed(changed, tmp_path)["seen"] == ["http://localhost/x.png"]
    assert "CONSOLE" in browse(changed, tmp_path)[1]
