"""Models that stay open as long as a gallery is: detectors that threads borrow, and one encoder of
a kind for all of them.

What a model's files are was checked when it was opened; a model that is installed later is seen by
who opens the gallery anew.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Generic, TypeVar

from gestalt_space.devices import Device, Precision, cores
from gestalt_space.encoders.registry import detector_device, encoder_spec, open_encoder
from gestalt_space.encoders.specification import Encoder
from gestalt_space.errors import GestaltError
from gestalt_space.faces.detection import Detector
from gestalt_space.faces.registry import DetectorFactory, detector_factory
from gestalt_space.gallery.joining import SharedEncoder
from gestalt_space.weights.manifest import InstalledModel
from gestalt_space.weights.store import ModelStore

T = TypeVar("T")


class Detectors:
    """Detectors of one kind, built when they are needed, each lent to one thread at a time.

    As many as cores are out at once, and whoever comes then waits: a photo takes much memory while
    a face is looked for in it. Each uses one thread, and one more all cores: it is for a photo that
    comes alone. `title`: the kind in full, as `scrfd of buffalo_l`.
    """

    def __init__(self, title: str, factory: DetectorFactory) -> None:
        self.title = title
        self._factory = factory
        self._most = cores()
        self._returned = threading.Condition()
        self._idle: dict[int, list[Detector]] = {1: [], self._most: []}
        self._out = 0

    @contextmanager
    def lent(self, *, alone: bool = False) -> Iterator[Detector]:
        """A detector for this thread; `alone`: the photo has no others beside it in its request.

        One in which something failed that is no `GestaltError` is not lent again. Raises what
        opening it raises.
        """
        with self._returned:
            self._returned.wait_for(lambda: self._out < self._most)
            # Of the one with all cores there is one at the most: it is not out if none is.
            threads = self._most if alone and not self._out else 1
            self._out += 1
            idle = self._idle[threads]
            detector = idle.pop() if idle else None
        sound = False
        try:
            if detector is None:
                detector = self._factory(threads)
            sound = True
            yield detector
        except GestaltError:
            raise
        except BaseException:
            sound = False
            raise
        finally:
            with self._returned:
                self._out -= 1
                if sound and detector is not None:
                    idle.append(detector)
                self._returned.notify()


class OpenModels:
    """The models of a store that were opened, each once."""

    def __init__(self, store: ModelStore, *, compiled: bool = False) -> None:
        """`compiled`: encoders that torch runs are compiled."""
        self._store = store
        self._compiled = compiled
        self._chosen: _Once[Detectors] = _Once()
        self._detectors: _Once[Detectors] = _Once()
        self._encoders: _Once[SharedEncoder] = _Once()

    def detectors(
        self, name: str = "auto", *, landmarks: Path | None = None, device: Device = "auto"
    ) -> Detectors:
        """The detectors of that name, for encoders on `device`; `auto` is the same one each time.

        Raises `ModelNotInstalled`, `UsageError`, `DeviceUnavailable`.
        """

        def choose() -> Detectors:
            title, factory = detector_factory(
                self._store, name, landmarks=landmarks, device=detector_device(device)
            )
            # Two names may stand for one model.
            return self._detectors.get(
                (title, landmarks, device), lambda: Detectors(title, factory)
            )

        return self._chosen.get((name, landmarks, device), choose)

    def encoder(
        self, model: InstalledModel, *, device: Device = "auto", precision: Precision = "float32"
    ) -> Encoder:
        """The encoder of a model, which any number of threads may call. Raises as `open_encoder`
        does."""
        return self._encoders.get(
            (model.name, encoder_spec(model).fingerprint, device, precision),
            lambda: SharedEncoder(
                open_encoder(model, device=device, precision=precision, compiled=self._compiled)
            ),
        )

    def close(self) -> None:
        """Let go of them; what is at work ends first. What is asked for later is opened anew."""
        for kept in (self._chosen, self._detectors, self._encoders):
            kept.clear()


class _Once(Generic[T]):
    """Things by a key, each made by whoever comes first, while others who want it wait.

    Where making it fails, the next one tries again.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._places: dict[Hashable, _Place[T]] = {}

    def get(self, key: Hashable, make: Callable[[], T]) -> T:
        with self._lock:
            place = self._places.setdefault(key, _Place())
        with place.lock:
            if not place.made:
                place.made.append(make())
            return place.made[0]

    def clear(self) -> None:
        with self._lock:
            self._places = {}


class _Place(Generic[T]):
    """Where a thing stands: an empty list until it is made."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.made: list[T] = []
