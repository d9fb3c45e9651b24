"""Workers that fail in a way of their own; found by name, by processes of Ray."""

from __future__ import annotations

import os
import signal
import time
from dataclasses import replace
from pathlib import Path

from gestalt_space.gallery.cluster_encoding import EncodingWorker
from gestalt_space.gallery.pipeline import PhotoResult
from gestalt_space.types import EncodingRun


class Deadly(EncodingWorker):
    """Photos named `deadly` kill its process."""

    def _encode(self, task) -> list[PhotoResult]:
        if any(source.name.startswith("deadly") for source in task.sources):
            os.kill(os.getpid(), signal.SIGKILL)
        return super()._encode(task)


class Slow(EncodingWorker):
    """Takes a while for each task."""

    def _encode(self, task) -> list[PhotoResult]:
        time.sleep(0.3)
        return super()._encode(task)


class Elsewhere(EncodingWorker):
    """Sees the photos under no path."""

    def _encode(self, task) -> list[PhotoResult]:
        sources = [replace(one, data=Path("/elsewhere", one.name)) for one in task.sources]
        return super()._encode(replace(task, sources=tuple(sources)))


class Another(EncodingWorker):
    """Has another version of the runtime each time."""

    def _encode(self, task) -> list[PhotoResult]:
        self._made_by = EncodingRun("float32", "cpu", "onnxruntime", str(time.time_ns()))
        return super()._encode(task)


class Overwriting(EncodingWorker):
    """Photos change before it reads them."""

    def _encode(self, task) -> list[PhotoResult]:
        for source in task.sources:
            new = source.data.with_name(f"new-{source.data.name}")
            if new.exists():
                new.replace(source.data)
        return super()._encode(task)
