"""Handling of Ctrl-C while results are written and while Lightning trains, and of SIGTERM while files are read."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Iterator
from typing import Any


@contextlib.contextmanager
def uninterrupted() -> Iterator[None]:
    """Let Ctrl-C wait until the block has ended, so that an object is not left half written."""
    if threading.current_thread() is not threading.main_thread() or signal.getsignal(signal.SIGINT) is None:
        yield  # other threads are not interrupted, and a handler that is not Python's cannot be put back
        return
    waiting: list[Any] = []
    before = signal.signal(signal.SIGINT, lambda *call: waiting.append(call))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
    if waiting and callable(before):
        before(*waiting[0])


@contextlib.contextmanager
def keyboard_interrupt() -> Iterator[None]:
    """Raise KeyboardInterrupt where Lightning would end the whole Python process and ignore any further Ctrl-C."""
    before = signal.getsignal(signal.SIGINT)
    try:
        yield
    except SystemExit as left:
        if not isinstance(left.__context__, KeyboardInterrupt):
            raise
        signal.signal(signal.SIGINT, before)
        raise KeyboardInterrupt from None


@contextlib.contextmanager
def killable() -> Iterator[None]:
    """Let SIGTERM end the process at once: HDF5 never comes back from some damaged files, and Python has no turn."""
    if threading.current_thread() is not threading.main_thread() or signal.getsignal(signal.SIGTERM) is None:
        yield
        return
    before = signal.signal(signal.SIGTERM, signal.SIG_DFL)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
