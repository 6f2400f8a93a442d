"""Names of annotated classes: one spelling for each, and nothing where a label is missing."""

from __future__ import annotations

import difflib
import re
import unicodedata
from collections.abc import Collection, Iterable, Mapping, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from ._checks import quote_names, warn

if TYPE_CHECKING:
    import pandas as pd

MISSING = frozenset(
    {"", "nan", "-nan", "<nan>", "none", "<none>", "<na>", "na", "#na", "n/a", "#n/a", "#n/a n/a", "null", "nat"}
    | {f"{sign}1.#{kind}" for sign in ("", "-") for kind in ("ind", "qnan")}
)
"""Text, in lower case, that files and ``astype(str)`` leave where a label is missing."""
DOUBTFUL = re.compile(
    r"(un|non?|not)[ _-]*(label(l?ed)?|annotat(ed|ion)|assigned|class(ified)?|determined|determinate|determinable|"
    r"defined|known|sure|certain|clear|decided|matched)|"
    r"in(determinate|conclusive)|ambiguous|equivocal|n\.a\.?|n\.d\.?|"
    r"ignored?\*?|region\*|excluded?|art[ei]facts?|missing|tbd|\?+|-+|\.+|-\d+|-?inf"
)
"""Text, in lower case, that often marks spots without an annotation."""
FILLERS = {"99": "98", "999": "998", "9999": "9998", "255": "254", "65535": "65534", "4294967295": "4294967294"}
"""Numbers that stand for missing labels, the last three being -1 of unsigned integers, each with the number before it:
where that is a class too, classes are numbered, and the filler is one of them."""
_WHOLE = re.compile(r"-?\d+\.0+")
_INVISIBLE = re.compile("[\u00ad\u200b\u2060\ufeff]")
"""Characters without width, which no reader sees in a name."""


@lru_cache(10_000)
def clean_name(text: str) -> str:
    """Return a name without what no reader sees: blanks around it, their kinds, characters without width."""
    return re.sub(r"\s", " ", _INVISIBLE.sub("", unicodedata.normalize("NFC", text))).strip()


def class_name(value: Any) -> str:
    """Return the one spelling of a class.

    Numbers and truth values that are equal are one class, also as text: 1, 1.0, True, "1.0" and "true" are ``"1"``.
    Blanks around a name do not count, nor which kind of blank is in it. Case does.
    """
    text = value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
    text = clean_name(text)
    lower = text.casefold()
    if lower in {"true", "false"}:
        return str(int(lower == "true"))
    return text.split(".")[0] if _WHOLE.fullmatch(text) else text


def named_classes(value: Any, argument: str) -> tuple[str, ...]:
    """Return a class, or a list of them, as names of classes, each once.

    Raises
    ------
    TypeError
        If this is no class and no list.
    """
    classes = [value] if np.isscalar(value) else value
    if isinstance(classes, Mapping) or not isinstance(classes, Iterable):
        raise TypeError(f"{argument} must be a class of the label column or a list of them, got {value!r}.")
    return tuple(dict.fromkeys(map(class_name, classes)))


def is_labelled(column: pd.Series, asked: Collection[str] = ()) -> pd.Series:
    """Tell which rows have a label: neither NaN nor text such as ``"nan"``, unless ``asked`` names it a class."""
    names = column.astype(object).map(class_name, na_action="ignore")
    missing = {name for name in names.dropna().unique() if name.casefold() in MISSING and name not in asked}
    return names.notna() & ~names.isin(missing)


def class_names(column: pd.Series, asked: Collection[str] = ()) -> pd.Series:
    """Return the class of each row as text, NaN where a label is missing or text such as ``"nan"`` says so.

    Parameters
    ----------
    column
        Labels of any type.
    asked
        Names that are classes in any case, since the caller named them.
    """
    labels = column.astype(object)
    return labels.map(class_name, na_action="ignore").astype(object).where(is_labelled(column, asked), np.nan)


def doubtful_classes(columns: Iterable[pd.Series], asked: Collection[str]) -> set[str]:
    """Find the classes whose names say that spots are not annotated, and that are not ``asked`` for."""
    present = {class_name(value) for column in columns for value in column.dropna().unique()}
    doubtful = {name for name in present if DOUBTFUL.fullmatch(name.casefold())}
    return (doubtful | {name for name in present if FILLERS.get(name, name) not in present}).difference(asked)


def absent_classes(kind: str, names: Sequence[str], columns: Iterable[pd.Series], where: str) -> tuple[str, int]:
    """Describe and count the classes of a kind, such as ``positive``, that no column of class names holds."""
    present = sorted({name for column in columns for name in column.dropna().unique()})
    absent = [name for name in names if name not in present]
    plain = {name.casefold(): name for name in present}
    close = [plain[match] for name in absent for match in difflib.get_close_matches(name.casefold(), plain, n=1)]
    guess = f" Did you mean {quote_names(dict.fromkeys(close))}?" if close else ""
    text = f"{kind} class {quote_names(absent)} does not occur in {where}."
    return f"{text} It has {quote_names(present)}.{guess}", len(absent)


MAX_FRACTIONS = 10
"""Most different fractions in a column of classes."""


def check_no_measurement(column: pd.Series, label_key: str) -> None:
    """Raise ValueError for many fractions: they are a measurement, not classes.

    Numbers of one or two decimals are classes where they are stored as text or categories, such as 3.1 for a part of 3.
    """
    import pandas as pd

    numbers = column if column.dtype.kind == "f" else pd.to_numeric(column.drop_duplicates().map(str), errors="coerce")
    values = numbers.to_numpy(dtype=np.float64, na_value=np.nan)
    scale = 1 if numbers is column else 100
    fractions = np.unique(values[np.isfinite(values) & (np.abs(scale * values - np.round(scale * values)) > 1e-9)])
    if len(fractions) > MAX_FRACTIONS:
        raise ValueError(
            f"obs[{label_key!r}] holds numbers such as {fractions[0]:.4g}, not classes. Name a column of classes, or "
            "cut the numbers into classes first."
        )


def warn_of_missing_text(columns: Iterable[pd.Series], label_key: str, asked: Collection[str] = ()) -> None:
    """Warn once of labels that are missing but for a text such as ``"nan"``."""
    counts = _counts(columns, lambda name: name.casefold() in MISSING and name not in asked)
    if counts:
        warn(
            f"obs[{label_key!r}] holds {listed_counts(counts)}: these spots count as unlabelled. Store missing labels "
            "as NaN to silence this; if one of these is a class, name it with `positive` or `negative`."
        )


NAME_NEGATIVE = "name the classes that are not cancer with `negative`, or set the others to NaN"


def warn_of_doubtful(
    columns: Sequence[pd.Series], label_key: str, asked: Collection[str], remedy: str = NAME_NEGATIVE
) -> None:
    """Warn once of classes whose names say that spots are not annotated, but that count as not cancer."""
    doubtful = doubtful_classes(columns, asked)
    counts = _counts(columns, doubtful.__contains__)
    if counts:
        warn(
            f"obs[{label_key!r}] holds {listed_counts(counts)}, which count as not cancer. If these spots are not "
            f"annotated, {remedy}."
        )


def warn_of_spellings(columns: Iterable[tuple[str, pd.Series]], label_key: str) -> None:
    """Warn once of classes whose names differ in case, blanks, hyphens or underscores alone.

    Parameters
    ----------
    columns
        Name and class names, as :func:`class_names` returns them, of each section.
    label_key
        Name of the column.
    """
    spellings: dict[str, dict[str, str]] = {}
    for section, column in columns:
        for name in column.dropna().unique():
            spellings.setdefault(re.sub(r"[\s_-]+", " ", name.casefold()), {}).setdefault(name, section)
    texts = [
        ", ".join(f"{name!r} (section {section!r})" for name, section in names.items())
        for names in spellings.values()
        if len(names) > 1
    ]
    if texts:
        warn(
            f"obs[{label_key!r}] spells a class in several ways: {'; '.join(texts)}. Each spelling is a class of its "
            "own; rename them if they are one."
        )


def _counts(columns: Iterable[pd.Series], counted: Any) -> dict[str, int]:
    """Count the values whose names are ``counted``, by the text they are stored as."""
    counts: dict[str, int] = {}
    for column in columns:
        values = column.dropna().astype(object)
        names = values.map(class_name)
        wanted = names.isin([name for name in names.unique() if counted(name)])
        for value, number in values[wanted].map(str).value_counts().items():
            counts[value] = counts.get(value, 0) + int(number)
    return counts


def listed_counts(counts: Mapping[str, int], limit: int = 20) -> str:
    """Name classes, each with its number of spots, cut after ``limit``."""
    listed = [f"{quote_names([name])} ({number} spots)" for name, number in counts.items()]
    more = f" and {len(listed) - limit} more" if len(listed) > limit else ""
    return ", ".join(listed[:limit]) + more
