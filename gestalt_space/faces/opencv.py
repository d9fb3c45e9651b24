"""OpenCV without its notices: its level of notices is one for all threads."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import cv2

_level_lock = threading.Lock()


@contextmanager
def no_notices(*, errors: bool = True) -> Iterator[None]:
    """OpenCV warns of choices that nobody made; with `errors` off, of damaged files neither."""
    quiet = cv2.utils.logging
    with _level_lock:
        level = quiet.getLogLevel()
        quiet.setLogLevel(quiet.LOG_LEVEL_ERROR if errors else quiet.LOG_LEVEL_SILENT)
        try:
            yield
        finally:
            quiet.setLogLevel(level)
