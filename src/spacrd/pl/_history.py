"""Losses over the epochs of training."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from .._checks import check_key
from ._figure import finish, line_style, open_spines, panels

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

    from ..model import SpaCRD

_NOT_LOSSES = ("stage", "epoch", "member")
STAGES = {"alignment": "alignment of image and expression", "fusion": "fusion and classification"}
LOSSES = {
    "contrastive": "contrastive: do image and expression of a spot match?",
    "classification": "classification: cancer or normal?",
    "reconstruction": "reconstruction: error of the rebuilt code",
    "kl": "KL: distance of spots to the mean of their class",
    "separation": "separation: minus the distance of the class means",
    "total": "total: weighted sum of the losses of the stage",
}
"""What each loss of :func:`spacrd.tl.fit` measures."""


def _records(source: Any) -> list[Mapping[str, Any]]:
    history = getattr(source, "history", source)
    if not isinstance(history, Sequence) or not all(
        isinstance(record, Mapping) and {"stage", "epoch"} <= record.keys() for record in history
    ):
        raise TypeError(
            f"Expected a SpaCRD model or its `.history`, a list of dicts with 'stage' and 'epoch'; "
            f"got {type(source).__name__}."
        )
    if not history:
        raise ValueError("The history is empty: the model has not been trained.")
    return list(history)


def _draw(ax: Axes, frame: pd.DataFrame, styles: Mapping[str, dict[str, Any]]) -> None:
    """Draw the lines of one stage: every network thin, their mean thick; a loss looks the same in all stages."""
    from matplotlib.ticker import MaxNLocator

    marker = "o" if frame["epoch"].nunique() == 1 else None  # a line needs two epochs
    for name, style in styles.items():
        members = [losses for _, losses in frame.groupby("member") if frame["member"].nunique() > 1]
        for losses in members:
            ax.plot(losses["epoch"] + 1, losses[name], linewidth=0.7, alpha=0.4, **style)
        mean = frame.groupby("epoch")[name].mean()
        ax.plot(mean.index + 1, mean, linewidth=1.8, marker=marker, markersize=3, label=LOSSES.get(name, name), **style)
    stage = str(frame["stage"].iloc[0])
    ax.set_title(STAGES.get(stage, stage))
    ax.set_xlabel("epoch")
    ax.set_ylabel("loss")
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    open_spines(ax)


def history(
    model: SpaCRD | Sequence[Mapping[str, Any]],
    *,
    losses: Sequence[str] | None = None,
    ax: Axes | Sequence[Axes] | None = None,
    show: bool | None = None,
    save: str | os.PathLike[str] | None = None,
) -> Axes | list[Axes]:
    """Plot the losses of training: one panel per stage, one line per loss, with what each measures.

    If several networks were trained, each has a thin line and their mean a thick one.

    Parameters
    ----------
    model
        A model fitted with networks (the default recipe has none), or its ``history``.
    losses
        Names of the losses to draw; all by default.
    ax
        Axes to draw on, as many as there are stages; a new figure by default.
    show
        Whether to show the figure. It is returned either way.
    save
        File to write the figure to.

    Returns
    -------
    The Axes; a list of them for several stages.

    Raises
    ------
    TypeError
        If ``model`` is neither a model nor a history.
    KeyError
        If a loss was not recorded.
    ValueError
        If the history is empty, or ``ax`` holds another number of Axes than there are stages.

    Examples
    --------
    >>> import spacrd
    >>> sections = [spacrd.datasets.toy_visium(n_rows=10, n_cols=10, n_genes=60, seed=i) for i in range(2)]
    >>> model = spacrd.tl.fit(sections, "pathologist", positive="invasive cancer", recipe="published", max_epochs=2)
    >>> axes = spacrd.pl.history(model)
    """
    import pandas as pd

    frame = pd.DataFrame(_records(model))
    if "member" not in frame:
        frame["member"] = 0
    recorded = [name for name in frame if name not in _NOT_LOSSES]
    chosen = recorded if losses is None else [check_key(name, recorded, "loss") for name in losses]
    stages = [
        (stage, drawn)
        for _, stage in frame.groupby("stage", sort=False)
        if (drawn := [name for name in chosen if stage[name].notna().any()])
    ]
    axes = panels(len(stages), ax, size=(4.8, 3.2))
    styles = {name: line_style(number) for number, name in enumerate(chosen)}
    lines: dict[str, Any] = {}
    for panel, (stage, drawn) in zip(axes, stages, strict=True):
        _draw(panel, stage, {name: styles[name] for name in drawn})
        lines = dict(zip(*reversed(panel.get_legend_handles_labels()), strict=True)) | lines
    shown = [LOSSES.get(name, name) for name in chosen if LOSSES.get(name, name) in lines]
    handles = [lines[text] for text in shown]
    figure: Any = axes[0].get_figure(root=True)
    if ax is None:
        ncols = 2 if len(axes) > 1 and len(shown) > 2 else 1
        figure.legend(handles, shown, frameon=False, loc="outside lower center", ncols=ncols)
    else:
        axes[-1].legend(handles, shown, frameon=False, fontsize="small")
    return finish(axes, show=show, save=save)
