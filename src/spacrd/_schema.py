"""Stored settings, checked field by field against the annotations of their dataclass."""

from __future__ import annotations

import json
import reprlib
from dataclasses import fields, is_dataclass
from functools import lru_cache
from typing import Annotated, Any, TypeVar

from annotated_types import Interval, MaxLen, MinLen
from pydantic import FailFast

from ._checks import quote_names

T = TypeVar("T")

LENGTH = 1000
"""Characters of a name."""
MANY = 1_000_000
"""Entries of a list."""

Name = Annotated[str, MinLen(1), MaxLen(LENGTH)]
Text = Annotated[str, MaxLen(LENGTH)]
# A list whose every entry is wrong is not worth as many messages.
Names = Annotated[tuple[Annotated[str, MinLen(1), MaxLen(LENGTH)], ...], FailFast(), MinLen(1), MaxLen(MANY)]
OtherNames = Annotated[tuple[Name, ...], FailFast(), MaxLen(MANY)]
Positive = Annotated[float, Interval(gt=0, le=1e12)]
Fact = Annotated[str, MaxLen(10_000_000)] | int | float | bool | None


def parse(kind: type[T], values: Any, where: str) -> T:
    """Dataclass from plain JSON values.

    Types are strict (no ``"3"`` or ``true`` for a number), bounds are those of the annotations, and every field must
    be there, also where the dataclass has a default: what a model was fitted with is never guessed.

    Parameters
    ----------
    kind
        The dataclass, whose fields are annotated with types and bounds.
    values
        What was read.
    where
        Name of the file, for messages.

    Raises
    ------
    ValueError
        That names the fields that do not fit, what was found and what is expected.
    """
    from pydantic import ValidationError

    try:
        found: T = _adapter(kind).validate_json(  # type: ignore[arg-type]
            json.dumps(values, allow_nan=False), strict=True
        )
    except ValidationError as error:
        told = [_tell(entry) for entry in error.errors(include_url=False)[:3]]
        more = f"; and {error.error_count() - 3} more" if error.error_count() > 3 else ""
        raise ValueError(f"{where} does not fit: {'; '.join(told)}{more}.") from None
    except (TypeError, ValueError, RecursionError) as error:
        raise ValueError(f"{where} does not fit: it holds more than plain JSON ({error}).") from None
    unknown, missing = _differences(as_plain(found), values)
    if unknown:
        raise ValueError(
            f"{where} does not fit: unknown entries {quote_names(unknown)}. If a newer spacrd wrote it: "
            "`pip install -U spacrd`."
        )
    if missing:
        raise ValueError(f"{where} does not fit: missing entries {quote_names(missing)}.")
    return found


def as_plain(record: Any) -> Any:
    """Convert a dataclass to dictionaries; unlike those of ``asdict``, their lists of names are not copied."""
    if is_dataclass(record):
        return {item.name: as_plain(getattr(record, item.name)) for item in fields(record)}
    return dict(record) if isinstance(record, dict) else record


@lru_cache
def _adapter(kind: Any) -> Any:
    from pydantic import TypeAdapter

    return TypeAdapter(kind)


def _tell(entry: Any) -> str:
    """What is wrong with one field."""
    if entry["type"] == "value_error":
        return str(entry["ctx"]["error"]).rstrip(".")
    field = ".".join(map(str, entry["loc"])) or "it"
    if entry["type"] == "missing":
        return f"missing entries {field!r}"
    return f"{field}: {entry['msg'][0].lower()}{entry['msg'][1:]}, found {reprlib.repr(entry['input'])}"


def _differences(wanted: dict[str, Any], held: dict[str, Any], prefix: str = "") -> tuple[list[str], list[str]]:
    """Entries that are held alone and wanted alone, by their path."""
    unknown = [prefix + name for name in held if name not in wanted]
    missing = [prefix + name for name in wanted if name not in held]
    for name in wanted:
        if isinstance(wanted[name], dict) and name in held:
            inner = _differences(wanted[name], held[name], f"{prefix}{name}.")
            unknown, missing = unknown + inner[0], missing + inner[1]
    return unknown, missing
