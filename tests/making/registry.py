"""Encoders that only one test knows."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

import spacrd
from spacrd.encoders import _registry


def register_encoder(monkeypatch: pytest.MonkeyPatch, name: str, encode: Callable[..., Any], **options: Any) -> None:
    """Register an encoder, and forget all others, until the end of the test."""
    forget_encoders(monkeypatch)
    spacrd.encoders.register(name, encode, **options)


def forget_encoders(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave the registry as it is at the start, and undo what the test registers."""
    monkeypatch.setattr(_registry, "_registered", {})
