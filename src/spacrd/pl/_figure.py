"""Helpers of all plots: panels, saving and showing, colours that colour-blind readers tell apart."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from .._checks import check_bools, printable
from .._files import checked_path, replacing

if TYPE_CHECKING:
    from matplotlib.axes import Axes

PALETTE = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000", "#F0E442")
"""Okabe and Ito's colours, strongest first."""
MISSING_COLOR = "#8C8C8C"


def ink() -> str:
    """Return the colour of the text, which is seen on the background of the style in use, light or dark."""
    import matplotlib as mpl

    return str(mpl.rcParams["text.color"])


def plain(text: object) -> str:
    """Escape a user's name: matplotlib sets text between dollars as mathematics, and SVG has no control characters."""
    return printable(str(text)).replace("$", r"\$")


def line_style(number: int) -> dict[str, Any]:
    """Return colour and dashes of the ``number``-th line; both differ, to be read without colours too."""
    color = PALETTE[number % len(PALETTE)]
    dashes = ("-", (0, (5, 1.5)), (0, (1.2, 1.2)), (0, (5, 1.5, 1.2, 1.5)))[number % 4]
    return {"color": ink() if color == "#000000" else color, "linestyle": dashes}


def panels(
    n: int,
    ax: Axes | Sequence[Axes] | None,
    *,
    size: tuple[float, float],
    ncols: int | None = None,
    layout: str = "constrained",
) -> list[Axes]:
    """Return ``n`` Axes: the given ones, or those of a new figure of panels of ``size`` inches."""
    import matplotlib as mpl
    import matplotlib.pyplot as plt
    import numpy as np

    if ax is not None:
        given = list(np.ravel(np.asarray(ax, dtype=object)))
        if not all(isinstance(one, mpl.axes.Axes) for one in given):
            raise TypeError(f"ax must be Axes of matplotlib, or a list of them, got {ax!r}.")
        if len(given) != n:
            raise ValueError(f"There are {n} panels to draw, but `ax` holds {len(given)} Axes: pass as many.")
        return given
    # A figure wider than three or four panels cannot be read at the width of a page.
    ncols = max(1, min(n, ncols or (n if n <= 3 else math.ceil(math.sqrt(n)))))
    nrows = -(-n // ncols)
    figure, grid = plt.subplots(
        nrows,
        ncols,
        figsize=(size[0] * ncols, size[1] * nrows),
        layout=layout,
        squeeze=False,
    )
    axes = list(grid.flat)
    for spare in axes[n:]:
        figure.delaxes(spare)
    return axes[:n]


def finish(axes: list[Axes], *, show: bool | None, save: str | os.PathLike[str] | None) -> Axes | list[Axes]:
    """Save and show the figure if asked; one Axes if there is one panel, else the list."""
    check_bools(**({} if show is None else {"show": show}))
    figure: Any = axes[0].get_figure(root=True)
    if save is not None:
        target = checked_path(save, "save", "a file")
        kind = target.suffix.removeprefix(".").lower()
        if kind not in (kinds := figure.canvas.get_supported_filetypes()):
            raise ValueError(f"save={str(save)!r} is no name of an image file: end it in one of {', '.join(kinds)}.")
        if not target.parent.is_dir():
            raise FileNotFoundError(f"There is no folder {str(target.parent)!r}. Make it first, or save to another.")
        with replacing(target) as file:
            figure.savefig(file, dpi=200, bbox_inches="tight", format=kind)
    if show:
        import matplotlib.pyplot as plt

        plt.show()
    return axes[0] if len(axes) == 1 else axes


def open_spines(ax: Axes) -> None:
    """Remove the lines that carry no scale."""
    ax.spines[["top", "right"]].set_visible(False)


def light_table(ax: Axes) -> None:
    """Make dark axes light, where the dark end of a colour map would not be seen."""
    from matplotlib.colors import to_rgb

    if max(to_rgb(ax.get_facecolor())) < 0.5:
        ax.set_facecolor("#E8E8E8")
