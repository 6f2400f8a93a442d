"""Models of a cross-validation: spacrd, and the rivals that run in the same folds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ... import rivals
from ..._checks import check_choice, quote_names
from ...rivals import Rival
from ...train import FitSettings

SPACRD = "spacrd"
"""Name of the model that is validated."""
NEEDS = {"expression": {"expression"}, "image": {"image"}, "both": {"expression", "image"}, "any": set()}
"""Modalities that a rival of each ``modality`` cannot do without."""


@dataclass(frozen=True)
class Competitor:
    """Hold one model of a cross-validation.

    Attributes
    ----------
    name
        Name in the tables.
    rival
        Method to fit; None for spacrd with the settings of the folds.
    seeded
        Whether scores depend on the seed.
    stored
        Whether finished fits may be kept for a later call: not those of a user's own method, which may have changed.
    """

    name: str
    rival: Rival | None = None
    seeded: bool = True
    stored: bool = True


def competitors(
    baselines: bool | str | Rival | Sequence[str | Rival], available: set[str], settings: FitSettings
) -> list[Competitor]:
    """Return spacrd and the baselines: those asked for, or the default ones whose modalities are available."""
    if isinstance(baselines, bool):
        named = [name for name in rivals.BASELINES if baselines and not _missing(name, available)]
        return _unique([Competitor(SPACRD), *(_named(name, settings) for name in named)])
    listed = [baselines] if isinstance(baselines, str) or not isinstance(baselines, Sequence) else list(baselines)
    chosen = [Competitor(SPACRD)]
    for item in dict.fromkeys(item for item in listed if not isinstance(item, str) or item != SPACRD):
        if isinstance(item, str):
            check_choice(item, rivals.available().index, "baselines")
            if missing := _missing(item, available):
                what = {"expression": "expression", "image": "a patch embedding"}
                raise ValueError(
                    f"The baseline {item!r} reads {' and '.join(what[name] for name in sorted(missing))}, which is "
                    "not among the inputs. Leave it out, or see `modality` and `spacrd.pp.extract_patches`."
                )
            chosen.append(_named(item, settings))
        else:
            card = rivals.card(rivals.get(item))
            chosen.append(Competitor(card.name, item, card.seeded, stored=False))
    return _unique(chosen)


def _missing(name: str, available: set[str]) -> set[str]:
    return NEEDS[rivals.card(name).modality] - available


def _named(name: str, settings: FitSettings) -> Competitor:
    """Make a rival of the list; baselines read the genes and neighbourhoods that spacrd reads."""
    options: dict[str, Any] = {}
    if name in rivals.FIXED:
        options = {
            "genes": settings.genes,
            "n_neighbors": settings.n_neighbors,
            "max_distance": settings.max_distance_um,
        }
    card = rivals.card(name)
    return Competitor(name, rivals.get(name, **options), card.seeded, stored=rivals.is_builtin(name))


def _unique(chosen: list[Competitor]) -> list[Competitor]:
    names = [competitor.name for competitor in chosen]
    if twice := [name for name in dict.fromkeys(names) if names.count(name) > 1]:
        raise ValueError(
            f"Several baselines are called {quote_names(twice)}. Give each an attribute `card`, a "
            "spacrd.rivals.RivalCard of another name."
        )
    return chosen
