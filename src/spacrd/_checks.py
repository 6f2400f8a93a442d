"""Checks of what users pass: each error says what was found, what was expected and what to do."""

from __future__ import annotations

import difflib
import re
import sys
import warnings
from collections.abc import Iterable
from types import FrameType
from typing import Any

from ._keys import LONGEST, is_storable


class SpacrdWarning(UserWarning):
    """Warning of spacrd: a result may not be what you think it is.

    Filter by this category to tell warnings of spacrd from those of other libraries.

    Examples
    --------
    >>> import warnings
    >>> import spacrd
    >>> warnings.filterwarnings("error", category=spacrd.SpacrdWarning)
    """


SHORTEST_UM, LONGEST_UM = 1e-3, 1e10
"""Lengths in micrometres that are computed with; sections have millimetres."""
_UNPRINTABLE = re.compile(
    r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff\ufffe\uffff]"
)
"""Characters that a terminal obeys, among them escape sequences, or that HTML, SVG and UTF-8 do not hold."""


def printable(text: str) -> str:
    """Return a text that terminals show and do not obey, and files hold: names in it come from files of others."""
    return _UNPRINTABLE.sub(lambda match: match[0].encode("unicode_escape").decode(), text)


def quote_names(items: Iterable[Any], limit: int = 20) -> str:
    """Join names, quoted and separated by commas, cut after ``limit``."""
    listed = [repr(str(item)) for item in items]
    if not listed:
        return "none"
    more = len(listed) - limit
    return ", ".join(listed[:limit]) + (f" and {more} more" if more > 0 else "")


def check_key(key: str, available: Iterable[Any], what: str, *, hint: str = "") -> str:
    """Return ``key`` if it is one of ``available``; else raise a :class:`KeyError` that lists them.

    Raises
    ------
    TypeError
        If it is no text.
    ValueError
        If several are called so.
    KeyError
        If none is.
    """
    options = [str(item) for item in available]
    if not isinstance(key, str):
        raise TypeError(f"The name of {what} must be a string, got {type(key).__name__}.")
    if options.count(key) > 1:
        raise ValueError(f"There are {options.count(key)} of {what} {key!r}. Rename all but one.")
    if key in options:
        return key
    close = difflib.get_close_matches(key, options, n=1)
    guess = f" Did you mean {close[0]!r}?" if close else ""
    raise KeyError(f"There is no {what} {key!r}. Available: {quote_names(options)}.{guess}{' ' + hint if hint else ''}")


def check_choice(value: Any, choices: Iterable[str], argument: str) -> str:
    """Return ``value`` if it is one of ``choices``; else raise a :class:`ValueError` that lists them."""
    options = list(choices)
    if isinstance(value, str) and value in options:
        return value
    raise ValueError(f"{argument}={value!r} is not known. Choose one of {quote_names(options)}.")


def check_result_key(key: str, argument: str = "key_added") -> str:
    """Refuse result names that AnnData cannot store, or not on every file system."""
    if not isinstance(key, str):
        raise TypeError(f"{argument} must be a string, got {type(key).__name__}.")
    if not is_storable(key):
        raise ValueError(
            f"{argument}={key!r} cannot name a slot of AnnData: use letters, digits, blanks, '_', '.' and '-', at most "
            f"{LONGEST} bytes, starting with a letter, a digit or one '_', and no name of a device of Windows."
        )
    return key


def check_bools(**arguments: Any) -> None:
    """Refuse what is neither True nor False: a text such as ``"no"`` would count as True."""
    for argument, value in arguments.items():
        if type(value).__name__ not in ("bool", "bool_"):  # bool_ is numpy's
            raise TypeError(f"{argument} must be True or False, got {value!r} ({type(value).__name__}).")


def check_positive_int(value: Any, argument: str, *, minimum: int = 1) -> int:
    """Return ``value`` as an int of at least ``minimum``; bools and fractions are refused."""
    import numbers

    if isinstance(value, bool) or not isinstance(value, numbers.Integral):
        raise TypeError(f"{argument} must be a whole number, got {value!r} ({type(value).__name__}).")
    if value < minimum:
        raise ValueError(f"{argument} must be at least {minimum}, got {value}.")
    return int(value)


def check_positive_number(value: Any, argument: str, what: str = "number") -> float:
    """Return ``value`` as a float if it is a finite number above 0."""
    import math
    import numbers

    if isinstance(value, bool) or not isinstance(value, numbers.Real):
        raise TypeError(f"{argument} must be a {what}, got {value!r} ({type(value).__name__}).")
    number = float(value)
    if not (math.isfinite(number) and number > 0):
        raise ValueError(f"{argument} must be positive, a finite {what}, got {value}.")
    return number


def check_micrometres(value: Any, argument: str) -> float:
    """Return a length as a float if it is one that tissue can have."""
    number = check_positive_number(value, argument, "number of micrometres")
    if not SHORTEST_UM <= number <= LONGEST_UM:
        raise ValueError(f"{argument}={value} is no length in micrometres: expected {SHORTEST_UM:g} to {LONGEST_UM:g}.")
    return number


OURS = ("spacrd", "contextlib")
"""Modules in which a warning does not point at the caller; context managers decorate some of our functions."""


def warn(text: str) -> None:
    """Warn whoever called spacrd."""
    frame: FrameType | None = sys._getframe(1)
    level = 2
    while frame is not None and frame.f_globals.get("__name__", "").split(".")[0] in OURS:
        frame, level = frame.f_back, level + 1
    warnings.warn(printable(text), SpacrdWarning, stacklevel=level)
