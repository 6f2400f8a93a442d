"""Which rivals there are, and how one is made."""

from __future__ import annotations

import functools
import importlib
import inspect
from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

from .._checks import check_bools, check_key, quote_names
from ._card import RivalCard
from ._interface import Rival

if TYPE_CHECKING:
    import pandas as pd

MODULES = (
    "_controls",
    "_markers",
    "_mahalanobis",
    "_baselines",
    "_linear",
    "_fusion",
    "_pooled",
    "_spacrd",
    "_scmalignantfinder",
    "_spacell",
    "_simplenet",
    "_spatialid",
    "_stage",
    "_stands",
    "_meatrd",
    "_tesla",
    "_istar",
)
"""Modules with a dictionary ``RIVALS`` of entries. They import torch inside functions only."""

BASELINES = (
    "depth",
    "svm-tuned",
    "logistic-tuned-image",
    "late-fusion",
    "logistic own genes",
    "logistic neighbourhood genes",
    "logistic image",
    "logistic both",
    "gradient boosting",
    "concatenation MLP",
)
"""Rivals that a cross-validation runs by default, as far as the modalities allow."""
_HINT = "Your own method becomes one with `spacrd.rivals.register`."


@dataclass(frozen=True)
class Entry:
    """A rival in the list.

    Attributes
    ----------
    factory
        Makes the rival from its options.
    card
        What is known of it.
    """

    factory: Callable[..., Rival]
    card: RivalCard


_registered: dict[str, Entry] = {}


@functools.cache
def _builtin() -> dict[str, Entry]:
    modules = (importlib.import_module(f".{module}", __package__) for module in MODULES)
    return {name: entry for module in modules for name, entry in module.RIVALS.items()}


def _entries() -> dict[str, Entry]:
    return {**_builtin(), **_registered}


def register(
    name: str, factory: Callable[..., Rival], *, card: RivalCard | None = None, overwrite: bool = False
) -> None:
    """Make your own method a rival.

    Parameters
    ----------
    name
        Name for :func:`get`.
    factory
        Makes the rival, usually its class; its keyword arguments are the options of :func:`get`.
    card
        What is known of it. By default that it is supervised and reads whatever is there.
    overwrite
        Replace a rival that you registered under this name.

    Raises
    ------
    ValueError
        If the name is taken.

    Examples
    --------
    >>> import spacrd
    >>> class Left:
    ...     def fit(self, sections, *, seed=0):
    ...         return self
    ...
    ...     def score(self, section):
    ...         return spacrd.rivals.RivalScore(-section.xy[:, 0])
    >>> spacrd.rivals.register("left", Left, card=spacrd.rivals.RivalCard("the more left, the worse", kind="control"))
    """
    if not isinstance(name, str):
        raise TypeError(f"The name of a rival must be a string, got {type(name).__name__}.")
    if not name:
        raise ValueError("The name of a rival must not be empty.")
    if not callable(factory):
        raise TypeError(f"factory must be a class or function that makes the rival, got {type(factory).__name__}.")
    if card is not None and not isinstance(card, RivalCard):
        raise TypeError(f"card must be a RivalCard, got {type(card).__name__}.")
    check_bools(overwrite=overwrite)
    if name in _builtin() or (name in _registered and not overwrite):
        raise ValueError(f"There is a rival {name!r} already. Choose another name, or pass overwrite=True for yours.")
    _registered[name] = Entry(factory, card or RivalCard(name))


def is_builtin(name: str) -> bool:
    """Tell whether a rival is part of spacrd, and not registered by a user."""
    return name in _builtin()


def available() -> pd.DataFrame:
    """Named rivals.

    Returns
    -------
    One row per rival (index ``rival``), one column per field of :class:`RivalCard`; the name in words is ``title``.

    Examples
    --------
    >>> import spacrd
    >>> spacrd.rivals.available().loc["depth", "labels"]
    'none'
    """
    import pandas as pd

    entries = _entries()
    columns = [field.name for field in fields(RivalCard)]
    rows = [[getattr(entry.card, column) for column in columns] for entry in entries.values()]
    table = pd.DataFrame(rows, columns=columns, index=pd.Index(entries, name="rival"))
    return table.rename(columns={"name": "title"})


def card(name: str | Rival) -> RivalCard:
    """Card of a rival.

    Parameters
    ----------
    name
        A name of :func:`available`, or a rival of your own. The card of an object is its attribute ``card``; without
        one, it is named by its attribute ``name`` or by its class.

    Returns
    -------
    The card.

    Raises
    ------
    KeyError
        If there is no such rival.

    Examples
    --------
    >>> import spacrd
    >>> spacrd.rivals.card("depth").modality
    'expression'
    """
    if not isinstance(name, str):
        own, called = getattr(name, "card", None), getattr(name, "name", None)
        if isinstance(own, RivalCard):
            return own
        return RivalCard(called if isinstance(called, str) and called else type(name).__name__)
    entries = _entries()
    return entries[check_key(name, entries, "rival", hint=_HINT)].card


def get(name: str | Rival, **options: Any) -> Rival:
    """Make a rival.

    Parameters
    ----------
    name
        A name of :func:`available`; an object with the method ``fit`` is returned as it is.
    **options
        Options of the rival.

    Returns
    -------
    The rival, not fitted yet.

    Raises
    ------
    KeyError
        If there is no such rival.
    TypeError
        If it has no such option, or needs one that is not given.

    Examples
    --------
    >>> import spacrd
    >>> rival = spacrd.rivals.get("depth")
    """
    if not isinstance(name, str):
        if isinstance(name, type) or not isinstance(name, Rival):
            raise TypeError(f"A rival is a name or an object with the method fit(sections, *, seed), got {name!r}.")
        if options:
            raise TypeError(f"Options make a rival by name; {type(name).__name__} is one already: leave them out.")
        return name
    entries = _entries()
    factory = entries[check_key(name, entries, "rival", hint=_HINT)].factory
    signature = inspect.signature(factory)
    try:
        signature.bind(**options)
    except TypeError as error:
        raise TypeError(f"Rival {name!r}: {error}. Its options are {quote_names(signature.parameters)}.") from None
    return factory(**options)
