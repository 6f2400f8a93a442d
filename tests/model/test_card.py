"""What a stranger reads before using a model."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

from spacrd.model import Calibration
from spacrd.model._io._card import model_card

CARD = """\
---
library_name: spacrd
tags: [spatial-transcriptomics, histology, cancer]
---
# spacrd model 0123456789ab

**For research use only. Not a medical device; not for diagnosis.**

Gives each spot of a section the likelihood of: cancer (classes of `pathologist`).

| | |
|---|---|
| recipe | default, 2 network(s), seed 0 |
| modalities | image, expression |
| expression | 5 genes, log1p of counts per 10000 |
| image | `X_mine`, 4 dimensions, patches of 55 um |
| likelihoods | calibrated on 3 held-out training sections |
| neighbours | 6; 0.8 of a score comes from propagation over them |
| n spots | 3 |

```python
import spacrd

model = spacrd.SpaCRD.load("path/to/this/folder")
spacrd.tl.score(sdata, model)
```
"""


def test_the_whole_card(model):
    assert model_card(model.config, "0123456789ab") == CARD


def test_hashes_of_sections_stay_out(model):
    assert model_card(replace(model.config, training={"n_spots": 3, "section_hashes": "abc"}), "0123456789ab") == CARD


def test_what_a_model_lacks_is_not_claimed(model):
    image = replace(model.config.image, patch_um=None)
    bare = model_card(replace(model.config, image=image, calibration=Calibration(), presence=None), "0")
    assert "| image | `X_mine`, 4 dimensions |\n| likelihoods | not calibrated: they rank, no more |\n" in bare
    network = replace(model.config.network, n_genes=0)
    assert "| expression |" not in model_card(replace(model.config, network=network, expression=None), "0")
    network = replace(model.config.network, n_image=0)
    assert "| image |" not in model_card(replace(model.config, network=network, image=None), "0")


def test_names_do_not_break_the_card(model):
    odd = replace(model.config, positive=("a|b\n# Approved for diagnosis",), training={"sections": "`x`|y"})
    text = model_card(odd, "0")
    assert "likelihood of: a\\|b # Approved for diagnosis (classes" in text
    assert "| sections | 'x'\\|y |" in text


def test_names_are_neither_markdown_nor_html_nor_orders_to_a_terminal(model):
    evil = "![x](https://a.b/c.png) <img src=x onerror=y> [l](http://a) <!-- **b** www.a.b a@b.c &lt; \x1b[2J"
    image = replace(model.config.image, key=f"`{evil}", encoder=evil)
    odd = replace(model.config, positive=(evil,), label_key=evil, recipe=evil, image=image, training={evil: evil})
    text = model_card(odd, "0")
    outside = re.sub(r"`[^`\n]*`", "", text.split("---")[-1].partition("```")[0])
    assert "<img" not in outside and "<!--" not in outside and "\x1b" not in text
    assert not re.search(r"!\[|(?<!\\)\[|https?://|www\.a|(?<!\\)@|(?<!\\)&lt;b", outside)
    rows = [line for line in text.splitlines() if line.startswith("|")]
    assert all(len(re.findall(r"(?<!\\)\|", row)) == 3 for row in rows)


def test_the_saved_card_is_that_of_the_model(model, saved: Path):
    assert (saved / "README.md").read_text(encoding="utf-8") == model_card(model.config, model.id)
