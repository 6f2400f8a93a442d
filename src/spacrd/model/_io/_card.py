"""The model card that travels with the weights."""

from __future__ import annotations

import html
import re

from ..._checks import printable
from .._config import ModelConfig
from .._fingerprints import SPOT_HASHES
from .._known import SECTION_HASHES


def model_card(config: ModelConfig, identifier: str) -> str:
    """Write the model card, in Markdown."""
    facts = config.training
    image = config.image
    expression = config.expression
    networks = f", {config.members} network(s), seed {config.seed}" if config.members else ""
    lines = [
        "---",
        "library_name: spacrd",
        "tags: [spatial-transcriptomics, histology, cancer]",
        "---",
        f"# spacrd model {identifier}",
        "",
        "**For research use only. Not a medical device; not for diagnosis.**",
        "",
        f"Gives each spot of a section the likelihood of: {_plain(', '.join(config.positive))} "
        f"(classes of `{_code(config.label_key)}`).",
        "",
        "| | |",
        "|---|---|",
        f"| recipe | {_plain(config.recipe)}{networks} |",
        f"| modalities | {', '.join(config.modalities)} |",
    ]
    if expression is not None:
        lines.append(f"| expression | {len(expression.genes)} genes, log1p of counts per {expression.target_sum:g} |")
    if image is not None:
        size = f", patches of {image.patch_um:.4g} um" if image.patch_um is not None else ""
        lines.append(f"| image | `{_code(image.key)}`, {image.dim} dimensions{size} |")
    lines += [
        f"| likelihoods | {_calibration(config)} |",
        f"| neighbours | {config.n_neighbors}; {config.propagation:g} of a score comes from propagation over them |",
        *(
            f"| {_plain(name.replace('_', ' '))} | {_plain(value)} |"
            for name, value in facts.items()
            if name not in (SECTION_HASHES, SPOT_HASHES)
        ),
        "",
        "```python",
        "import spacrd",
        "",
        'model = spacrd.SpaCRD.load("path/to/this/folder")',
        "spacrd.tl.score(sdata, model)",
        "```",
        "",
    ]
    return "\n".join(lines)


def _plain(value: object) -> str:
    """Escape names of classes and sections, which are text from others and may hold Markdown or HTML."""
    text = html.escape(printable(" ".join(str(value).split())).replace("`", "'"), quote=False)
    return re.sub(r"[\\*~\[\]|$@!]|(?<!\w)_|_(?!\w)|:(?=//)|(?<=www)\.", lambda match: f"\\{match[0]}", text)


def _code(value: object) -> str:
    """Escape text that stands between backticks, where Markdown and HTML are text already."""
    return printable(" ".join(str(value).split())).replace("|", "\\|").replace("`", "'")


def _calibration(config: ModelConfig) -> str:
    n = config.calibration.n_sections
    return f"calibrated on {n} held-out training sections" if n else "not calibrated: they rank, no more"
