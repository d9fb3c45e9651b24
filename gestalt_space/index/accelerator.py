"""Keeps a space's rows on a GPU for as long as its gallery is open, and in step with its segments.

Nobody waits for it: a thread tests the GPU and loads the rows, and until they are there, or when
anything fails, the processor searches. Only a GPU that was asked for by name is waited for.
"""

from __future__ import annotations

from collections.abc import Sequence
from threading import Event, Lock, Thread

from gestalt_space.devices import Device
from gestalt_space.errors import DeviceUnavailable
from gestalt_space.index.gpu import HalfRows, free_memory, gpu_works, to_gpu
from gestalt_space.index.segment import Segment

AFTER = 20
"""Searches after which a GPU is tried: a process that asks once or twice never loads one."""
PROCESSOR = "processor"
PLACE = "cuda"
_HINT = "Run `gestalt doctor`; set GESTALT_SEARCH_DEVICE=auto to search without a GPU."


class Accelerator:
    """Of one space. Threads share it; searchers ask it for the rows of their segments.

    `device`: `auto` a GPU where one works, after a few searches; `cpu` none; `cuda` at once.
    """

    def __init__(self, device: Device = "auto") -> None:
        self._device = device
        self._lock = Lock()
        self._one_loads = Lock()
        self._wanted: tuple[Segment, ...] = ()
        self._held: HalfRows | None = None
        self._asked = 0
        self._failed = False
        self._stop = Event()
        self._thread: Thread | None = None
        self._may_be_joined = False

    @property
    def required(self) -> bool:
        """Whether a GPU was asked for by name."""
        return self._device == "cuda"

    def follow(self, segments: Sequence[Segment]) -> None:
        """These are the newest segments: those that the GPU is to hold, if it holds any."""
        with self._lock:
            self._wanted = tuple(segments)
            if self._held is not None and not self.required:
                self._start()

    def rows(self, segments: Sequence[Segment]) -> HalfRows | None:
        """The rows of exactly those segments, for a search; None where they are not there."""
        if self._device == "cpu":
            return None
        held = self._of(segments)
        if held is None and not self.required:
            with self._lock:
                self._asked += 1
                if self._asked >= AFTER:
                    self._start()
        return held

    def require(self, segments: Sequence[Segment]) -> None:
        """Where a GPU was asked for by name, put the segments there, unless newer ones are.

        Raises `DeviceUnavailable` with the reason where that cannot be.
        """
        if not self.required:
            return
        with self._one_loads:
            if (why := gpu_works()) is not None:
                raise DeviceUnavailable(f"No GPU can be used for searching: {why}.", _HINT)
            with self._lock:
                stop = self._stop
                if self._wanted != tuple(segments):
                    return
            if segments and self._of(segments) is None:
                self._keep(self._loaded(segments, stop), stop)

    def lost(self, held: HalfRows, error: RuntimeError) -> None:
        """A search with these rows failed. Raises `DeviceUnavailable` for a GPU that was asked for
        by name; another one is left alone until the gallery is closed."""
        with self._lock:
            if self._held is held:
                self._held = None
                self._failed = True
        if self.required:
            raise DeviceUnavailable(f"The GPU failed: {_first_line(error)}.", _HINT) from error

    def searched_on(self, segments: Sequence[Segment]) -> str:
        """`processor`, or the name of the GPU that has the rows of those segments."""
        held = self._of(segments)
        return PROCESSOR if held is None else held.device_name

    def close(self) -> None:
        """Give the GPU's memory back; what is being loaded is given up. May be used again."""
        with self._lock:
            self._stop.set()
            thread = self._thread if self._may_be_joined else None
        if thread is not None:
            thread.join()
        with self._lock:
            had = self._held is not None
            self._held, self._thread = None, None
            self._asked, self._failed, self._stop = 0, False, Event()
        if had or thread is not None:
            free_memory()

    def _of(self, segments: Sequence[Segment]) -> HalfRows | None:
        held = self._held
        return held if held is not None and segments and held.holds(segments) else None

    def _start(self) -> None:
        """Let a thread load what is wanted, where none does. With the lock."""
        if self._thread is not None or self._failed or not self._wanted:
            return
        if self._of(self._wanted) is not None:
            return
        self._may_be_joined = False
        # A daemon: a process may end while its self-test, another process, still runs.
        self._thread = Thread(target=self._run, args=(self._stop,), name="gpu", daemon=True)
        self._thread.start()

    def _run(self, stop: Event) -> None:
        try:
            works = gpu_works() is None
            while works and (wanted := self._next(stop)):
                self._keep(self._loaded(wanted, stop), stop)
            failed = not works
        except Exception:  # noqa: BLE001 - whatever it is, the processor searches
            failed = True
        with self._lock:
            if stop is not self._stop:
                return
            if failed:
                self._failed, self._held = True, None
            self._thread = None

    def _next(self, stop: Event) -> tuple[Segment, ...]:
        """The segments that are still to be loaded; none where all are, or nobody wants them."""
        with self._lock:
            if stop.is_set() or self._of(self._wanted) is not None:
                return ()
            self._may_be_joined = True
            return self._wanted

    def _loaded(self, segments: Sequence[Segment], stop: Event) -> HalfRows | None:
        before = self._held
        try:
            return to_gpu(segments, before, PLACE, stop)
        except DeviceUnavailable:
            if before is None:
                raise
        # There may be no room for the rows of before and those of now at once.
        self._held = before = None
        free_memory()
        return to_gpu(segments, None, PLACE, stop)

    def _keep(self, made: HalfRows | None, stop: Event) -> None:
        with self._lock:
            if made is not None and not stop.is_set():
                self._held = made


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
