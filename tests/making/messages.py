"""Warnings of spacrd that a call sets off."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import spacrd


def messages_of(call: Callable[[], Any], about: str = "") -> list[str]:
    """Call, and return the warnings of spacrd that hold some words."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        call()
    texts = [str(one.message) for one in caught if issubclass(one.category, spacrd.SpacrdWarning)]
    return [text for text in texts if about in text]
