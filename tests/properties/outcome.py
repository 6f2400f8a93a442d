"""What a call may do to an object: a result, or one of our errors and nothing changed."""

from __future__ import annotations

import traceback
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import spacrd
from tests.making.states import assert_same, state

OURS = (ValueError, KeyError, TypeError)
PACKAGE = str(Path(spacrd.__file__).parent)


def outcome(call: Callable[[], Any], *objects: Any) -> str:
    """Message of the error that a call ended with, after every check on it; empty if there was none.

    An error must be raised by spacrd itself, say something, and leave all objects as they were, to the last value.
    Warnings of numpy, pandas and others that our own code sets off are errors.
    """
    before, error = [state(item) for item in objects], None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            for kind in (RuntimeWarning, DeprecationWarning, FutureWarning):
                warnings.filterwarnings("error", category=kind, module=r"spacrd\.")
            call()
    except OURS as raised:
        error = raised
    if error is not None:
        last = traceback.extract_tb(error.__traceback__)[-1]
        assert last.filename.startswith(PACKAGE), f"{error!r} comes from {last.filename}:{last.lineno}"
        message = str(error.args[0]) if error.args else ""
        assert len(message) > 20, f"{error!r} says nothing"
        for item, then in zip(objects, before, strict=True):
            assert_same(state(item), then)
        return message
    return ""
