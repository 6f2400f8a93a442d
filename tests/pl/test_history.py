from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace

import matplotlib.pyplot as plt
import pytest

from spacrd import pl
from spacrd.pl._history import LOSSES
from tests.making.results import HISTORY


def test_one_panel_per_stage_and_one_line_per_loss() -> None:
    axes = pl.history(HISTORY)
    assert [ax.get_title() for ax in axes] == ["alignment of image and expression", "fusion and classification"]
    labels = [[line.get_label() for line in ax.lines] for ax in axes]
    assert labels == [[LOSSES["contrastive"]], [LOSSES["classification"], LOSSES["kl"]]]
    assert list(axes[1].lines[0].get_xdata()) == [1, 2, 3, 4]
    assert list(axes[0].lines[0].get_ydata()) == [6, 5, 4]


def test_members_are_averaged() -> None:
    both = [record | {"member": 0} for record in HISTORY] + [
        record | {"member": 1, "contrastive": 2.0} for record in HISTORY if record["stage"] == "alignment"
    ]
    ax = pl.history(both)[0]
    assert [line.get_label() == LOSSES["contrastive"] for line in ax.lines] == [False, False, True]
    assert list(ax.lines[-1].get_ydata()) == [4, 3.5, 3]


def test_a_loss_looks_the_same_in_all_stages_and_stands_once_in_the_legend() -> None:
    more = [{"stage": "calibrate", "epoch": e, "kl": 0.4 - 0.1 * e} for e in range(3)]
    alignment, fusion, calibrate = pl.history(HISTORY + more)
    assert fusion.lines[1].get_label() == calibrate.lines[0].get_label() == LOSSES["kl"]
    assert fusion.lines[1].get_color() == calibrate.lines[0].get_color() != fusion.lines[0].get_color()
    (legend,) = alignment.figure.legends
    names = [text.get_text() for text in legend.get_texts()]
    assert names == [LOSSES[name] for name in ("contrastive", "classification", "kl")]


def test_model_chosen_loss_given_axes_and_file(tmp_path: Path) -> None:
    _, given = plt.subplots()
    model = SimpleNamespace(history=HISTORY)
    ax = pl.history(model, losses=["kl"], ax=given, save=tmp_path / "h.png")
    assert ax is given
    assert (tmp_path / "h.png").stat().st_size > 1000
    assert [text.get_text() for text in ax.get_legend().get_texts()] == [LOSSES["kl"]]


def test_what_is_no_history_is_refused() -> None:
    with pytest.raises(TypeError, match="history"):
        pl.history({"loss": [1]})
    with pytest.raises(ValueError, match="empty"):
        pl.history([])
    with pytest.raises(KeyError, match=r"'bce'.*'contrastive'"):
        pl.history(HISTORY, losses=["bce"])


def test_every_loss_of_a_training_has_words() -> None:
    folder = Path(__file__).parents[1] / "data" / "models" / "v1" / "published"
    recorded = {name for record in json.loads((folder / "history.json").read_text()) for name in record}
    assert recorded - {"stage", "epoch", "member"} == set(LOSSES)


def test_a_loss_without_words_keeps_its_name() -> None:
    ax = pl.history([{"stage": "mine", "epoch": 0, "own": 1.0}])
    assert ax.get_title() == "mine" and ax.lines[0].get_label() == "own"
