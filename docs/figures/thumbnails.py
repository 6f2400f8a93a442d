"""Make the thumbnails of the gallery from the images that the notebooks hold: ``python docs/figures/thumbnails.py``."""

from __future__ import annotations

import base64
import json
from io import BytesIO
from pathlib import Path

from PIL import Image, ImageOps

HERE = Path(__file__).parent
NOTEBOOKS = HERE.parents[1] / "notebooks"
SIZE = (480, 300)
SHOWN = {"quickstart": 0, "visium": 1, "xenium": 1, "cross_validation": 0, "squidpy": 0}
"""Number of the image of each notebook that is shown."""


def images(notebook: Path) -> list[Image.Image]:
    """Return the images of all outputs, in their order."""
    cells = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
    stored = [
        output["data"]["image/png"]
        for cell in cells
        for output in cell.get("outputs", [])
        if "image/png" in output.get("data", {})
    ]
    return [Image.open(BytesIO(base64.b64decode(text))).convert("RGB") for text in stored]


if __name__ == "__main__":
    for name, number in SHOWN.items():
        thumbnail = ImageOps.pad(images(NOTEBOOKS / f"{name}.ipynb")[number], SIZE, color="white")
        thumbnail.save(HERE / f"notebook_{name}.jpg", quality=85)
