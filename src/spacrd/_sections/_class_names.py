"""Names of classes, however a program wrote them down."""

from __future__ import annotations

import ast
import json
import re
import reprlib
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from .._classes import MISSING, clean_name
from .._classes import class_name as name_of_label

MAX_TEXT = 10_000
"""Characters of a class that is written as a table or list."""
COLOURS = {"color", "colorRGB"}
"""What QuPath keeps of a class beside its name."""


def class_name(value: Any) -> str | None:
    """Return the name of a class: a text, what QuPath keeps of it, or that as JSON or as Python prints it.

    A class of several parts is their names, joined as QuPath shows them (``"Tumor: grade 2"``). None if there is none,
    or text such as ``"nan"``.

    Raises
    ------
    ValueError
        If this is no class.
    """
    if isinstance(value, str):
        text = value.strip()
        if f"{text[:1]}{text[-1:]}" not in ("{}", "[]"):
            return _stored(text)
        value = _read(text)
    if isinstance(value, np.ndarray):
        value = value.tolist()
    if isinstance(value, Mapping):
        if value and not {"name", "names"} & set(value) and set(value) - COLOURS:
            raise ValueError(_told(value))
        value = value.get("names") or value.get("name")
    if isinstance(value, list | tuple):
        if not all(isinstance(part, str) for part in value):
            raise ValueError(_told(value))
        value = ": ".join(filter(None, map(clean_name, value)))
    if value is None or isinstance(value, str):
        return _stored(value or "")
    if not pd.api.types.is_scalar(value):
        raise ValueError(_told(value))
    if pd.isna(value):
        return None
    return str(value) if isinstance(value, bool | np.bool_) else name_of_label(value)


def _stored(text: str) -> str | None:
    """Return a name that files hold, None if it says that there is none."""
    name = clean_name(text)
    if re.search("[\0\ud800-\udfff]", name):
        raise ValueError(_told(text))
    return None if name.casefold() in MISSING else name


def _read(text: str) -> Any:
    if len(text) > MAX_TEXT:
        raise ValueError(_told(text))
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        pass
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError, TypeError, RecursionError, MemoryError) as error:
        raise ValueError(_told(text)) from error


def _told(value: Any) -> str:
    return (
        f"The class {reprlib.repr(value)} is no name. Expected a text, or what QuPath writes: "
        '{"name": "Tumor"} or {"names": ["Tumor", "grade 2"]}. Name another property or column with `class_key`.'
    )
