"""Encoders: models that turn a patch into a vector."""

from ._registry import available, get, load, register
from ._spec import Encoder, EncoderSpec

__all__ = ["Encoder", "EncoderSpec", "available", "get", "load", "register"]
