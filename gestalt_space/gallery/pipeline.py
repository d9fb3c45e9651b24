"""Photos to descriptors, overlapped: reading, detection and alignment run in threads while the
faces before them are encoded in batches. Order is kept, memory is bounded, and one bad photo is
its own failure.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterable, Sized
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from functools import partial
from itertools import islice
from pathlib import Path

import numpy as np

from gestalt_space.descriptors import to_descriptors, unsound
from gestalt_space.devices import cores
from gestalt_space.encoders.specification import Encoder
from gestalt_space.errors import DescriptorError, FaceError, GestaltError
from gestalt_space.faces.detection import Detector, FoundBefore, choose_face, find_faces
from gestalt_space.faces.photos import PhotoLimits, decode_photo, read_bytes, read_photo
from gestalt_space.gallery.freed_memory import FreedMemory
from gestalt_space.gallery.models import Detectors
from gestalt_space.types import Descriptors, Face
from gestalt_space.weights.manifest import InstalledModel


@dataclass(frozen=True, slots=True)
class PhotoSource:
    """A photo to process: its name in results, where its bytes are, and which face to use.

    `face`: number of the face. Without one, `largest` says whether to use the largest of several
    faces, or to fail. `patient`: the patient in the photo, if known. `found`: the photo's faces, if
    they were found before: they are not looked for again, unless in other bytes or by another
    detector.
    """

    name: str
    data: Path | bytes
    face: int | None = None
    largest: bool = False
    patient: str = ""
    found: FoundBefore | None = None


@dataclass(frozen=True, slots=True)
class PhotoResult:
    """What became of a photo: a face, then a descriptor `(d,)`; or an error; or it was skipped."""

    source: PhotoSource
    sha256: str = ""
    width: int = 0
    height: int = 0
    face: Face | None = None
    descriptor: Descriptors | None = None
    error: GestaltError | None = None
    skipped: bool = False


_FREED = FreedMemory()
Skip = Callable[[PhotoSource, str], bool]
"""Given a photo and its sha256, says whether it can be passed over before it is decoded."""
Lend = Callable[[str], AbstractContextManager[Detector]]
"""Lends a detector for one photo, given its sha256."""


@dataclass(frozen=True, slots=True)
class Pipeline:
    """The way from photos to descriptors, with the models that it goes through.

    `model`: the one whose encoder is used, which `open_encoder` gives. Any number of threads may
    `run` it.
    """

    model: InstalledModel
    detectors: Detectors
    open_encoder: Callable[[], Encoder]
    limits: PhotoLimits
    batch_size: int

    @property
    def detector(self) -> str:
        """The detector's name in full."""
        return self.detectors.title

    @property
    def encoder(self) -> Encoder:
        """The encoder, opened on first use. Raises `ModelDamaged` or `DeviceUnavailable`."""
        return self.open_encoder()

    def run(
        self, sources: Iterable[PhotoSource], *, skip: Skip | None = None
    ) -> Generator[list[PhotoResult], None, None]:
        """Descriptors of photos, in order, a batch at a time.

        While a batch is encoded, the next one and two photos a core may be found ahead of it: the
        encoder does not wait for faces, nor a core for photos. What is ahead are aligned faces, so
        that memory does not depend on the size of the photos or on how many there are.
        """
        faces = find_all_faces(
            sources,
            self.detectors,
            limits=self.limits,
            ahead=2 * (self.batch_size + cores()),
            skip=skip,
        )
        return encode_all(faces, self.encoder, batch_size=self.batch_size)


def every_face(
    source: PhotoSource, detectors: Detectors, *, limits: PhotoLimits | None = None
) -> tuple[Face, ...]:
    """All faces of a photo, largest first. Raises `PhotoError`, `FaceError`."""
    photo = read_photo(source.data, name=source.name, limits=limits)
    name = ""
    try:
        with _detector_for(source, photo.sha256, detectors, alone=True) as detector:
            name = detector.name
            return find_faces(photo, detector)
    except GestaltError:
        raise
    except Exception as error:
        if not name:
            raise
        raise _detector_failed(name, error) from error


def find_all_faces(
    sources: Iterable[PhotoSource],
    detectors: Detectors,
    *,
    limits: PhotoLimits | None = None,
    ahead: int = 32,
    skip: Skip | None = None,
) -> Generator[PhotoResult, None, None]:
    """The face meant of each photo, in the order of the photos.

    One photo is worked on by the thread that asks. Else as many threads as cores, or photos where
    they are fewer, each of which borrows a detector for a photo; at most `ahead` photos are begun
    before the first of them is taken. Threads and no processes: what takes long is native code that
    runs beside other threads. On two cores a process a core took as much processor time for 2,000
    photos, and was no faster but by a few percent.
    """
    workers = min(cores(), len(sources)) if isinstance(sources, Sized) else cores()
    if not workers:
        return

    def work(source: PhotoSource) -> PhotoResult:
        try:
            return _find_face(
                source,
                partial(_detector_for, source, detectors=detectors, alone=workers == 1),
                limits or PhotoLimits(),
                skip,
            )
        except GestaltError as error:
            return _failed(PhotoResult(source), error)

    if isinstance(sources, Sized) and len(sources) == 1:
        yield from map(work, sources)
        return
    pool = ThreadPoolExecutor(workers, thread_name_prefix="faces")
    waiting: deque[Future[PhotoResult]] = deque()
    remaining = iter(sources)
    try:
        waiting.extend(pool.submit(work, source) for source in islice(remaining, ahead))
        while waiting:
            result = waiting.popleft().result()
            waiting.extend(pool.submit(work, source) for source in islice(remaining, 1))
            yield result
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def encode_all(
    results: Iterable[PhotoResult], encoder: Encoder, *, batch_size: int = 16
) -> Generator[list[PhotoResult], None, None]:
    """Give every face that was found its descriptor; results in order, a batch at a time."""
    results = iter(results)
    while batch := list(islice(results, batch_size)):
        yield _encode(batch, encoder)
        _FREED.give_back()


def _detector_for(
    source: PhotoSource, sha256: str, detectors: Detectors, *, alone: bool
) -> AbstractContextManager[Detector]:
    """What finds the faces of a photo: a detector that is lent, or what the same one found in the
    same bytes before."""
    before = source.found
    if before is not None and (before.name, before.sha256) == (detectors.title, sha256):
        return nullcontext(before)
    return detectors.lent(alone=alone)


def _find_face(
    source: PhotoSource, lend: Lend, limits: PhotoLimits, skip: Skip | None
) -> PhotoResult:
    raw = read_bytes(source.data, name=source.name, limits=limits)
    result = PhotoResult(source, sha256=raw.sha256)
    if skip is not None and skip(source, raw.sha256):
        return replace(result, skipped=True)
    name = ""
    try:
        with lend(raw.sha256) as detector:
            name = detector.name
            photo = decode_photo(raw, limits=limits)
            height, width = photo.pixels.shape[:2]
            result = replace(result, width=width, height=height)
            faces = find_faces(photo, detector)
            face = choose_face(faces, number=source.face, largest=source.largest)
            return replace(result, face=face)
    except GestaltError as error:
        return _failed(result, error)
    except Exception as error:
        if not name:
            raise
        return replace(result, error=_detector_failed(name, error))


def _detector_failed(name: str, error: Exception) -> FaceError:
    """A detector may raise anything on an odd photo."""
    return FaceError(
        f"The detector {name} failed on this photo ({type(error).__name__}: {error}).",
        "Save the photo as PNG, or try another --detector.",
    )


def _failed(result: PhotoResult, error: GestaltError) -> PhotoResult:
    """The result with its error, cut off from the frames it came through: they hold the photo."""
    error.__cause__ = error.__context__ = None
    return replace(result, error=error.with_traceback(None))


def _encode(batch: list[PhotoResult], encoder: Encoder) -> list[PhotoResult]:
    crops = [result.face.crop for result in batch if result.face is not None]
    if not crops:
        return batch
    descriptors = to_descriptors(encoder.encode(np.stack(crops)))
    rows = iter(zip(descriptors, unsound(descriptors), strict=True))
    return [result if result.face is None else _with(result, *next(rows)) for result in batch]


def _with(result: PhotoResult, descriptor: Descriptors, is_unsound: bool) -> PhotoResult:
    if is_unsound:
        error = DescriptorError(
            "The encoder gave a vector that is zero or not finite for this face.",
            "Run `gestalt models verify`, or try another photo.",
        )
        return replace(result, error=error)
    return replace(result, descriptor=descriptor)
