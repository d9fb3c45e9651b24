"""Photos encoded by the workers of a Ray cluster, each of which holds one detector and one encoder.

Paths travel, not pixels: a worker reads photos from a file system that all machines see, and sends
aligned faces and descriptors back. It never asks the database: with each photo goes by which sha256
it would be known.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence, Sized
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from itertools import chain, islice
from pathlib import Path
from typing import Any, TypeVar

from gestalt_space.devices import Device, Precision
from gestalt_space.distributed.cluster import PATIENCE, open_cluster
from gestalt_space.distributed.hosting import SAME_VERSIONS, this_machine
from gestalt_space.distributed.mapping import TRIES, Workers, workers_of
from gestalt_space.distributed.resources import Node, Resources
from gestalt_space.encoders.registry import encoder_spec
from gestalt_space.errors import (
    ClusterError,
    DeviceUnavailable,
    ModelUnsuitable,
    PhotoNotFound,
    WorkerDied,
)
from gestalt_space.faces.photos import PhotoLimits
from gestalt_space.faces.registry import detector_weights
from gestalt_space.gallery.encoding import Described, KnownPhotos, describe
from gestalt_space.gallery.models import OpenModels
from gestalt_space.gallery.pipeline import PhotoResult, PhotoSource, Pipeline
from gestalt_space.types import EncodingRun
from gestalt_space.weights.store import ModelStore

T = TypeVar("T", bound="_Task")

_BATCHES_OF_A_MACHINE = 4
"""Batches that a worker of several cores gets at once: it looks for the faces of the next while it
encodes one."""

_SAME_MODELS = (
    "All machines must see the same folder of models: put the home on a file system that they "
    "share, or set GESTALT_MODELS to such a folder."
)
_SAME_PATHS = (
    "All machines must see the photos under the same path: put them on a file system that they "
    "share, then run the same command again."
)


@dataclass(frozen=True, slots=True)
class EncodingJob:
    """What workers open: the models by name, and what tells that they are those of the driver.

    `detector`: as it was asked for; `detector_title`, `detector_weights`: which one that is.
    """

    models: Path
    model: str
    fingerprint: str
    detector: str
    landmarks: Path | None
    detector_title: str
    detector_weights: str
    device: Device
    precision: Precision
    compiled: bool
    limits: PhotoLimits
    batch_size: int


@dataclass(frozen=True, slots=True)
class _Photos:
    """Photos for a worker, and by which sha256 each of them is known."""

    sources: tuple[PhotoSource, ...]
    known: tuple[frozenset[str], ...]


@dataclass(frozen=True, slots=True)
class _Crops:
    """Stored crops for a worker."""

    crops: Mapping[int, bytes]


_Task = _Photos | _Crops


@dataclass(frozen=True, slots=True)
class _Done:
    """What a worker found, what its encoder runs with, and the name of its machine."""

    found: Any
    made_by: EncodingRun
    node: str


class EncodingWorker:
    """What runs in a worker's process."""

    def __init__(self, job: EncodingJob) -> None:
        """Raises `ModelUnsuitable` where this machine has other models than the driver, and what
        opening them raises."""
        store = ModelStore(job.models)
        model = store.get(job.model)
        if encoder_spec(model).fingerprint != job.fingerprint:
            raise ModelUnsuitable(f"The model {job.model} here is another one.", _SAME_MODELS)
        models = OpenModels(store, compiled=job.compiled)
        detectors = models.detectors(job.detector, landmarks=job.landmarks, device=job.device)
        weights = detector_weights(store, job.detector, landmarks=job.landmarks)
        if (detectors.title, weights) != (job.detector_title, job.detector_weights):
            raise ModelUnsuitable(
                f"The detector here is {detectors.title}, with other weights than the "
                f"{job.detector_title} of the machine that runs the command."
                if detectors.title == job.detector_title
                else f"The detector here is {detectors.title}, not {job.detector_title}.",
                _SAME_MODELS,
            )
        open_encoder = partial(models.encoder, model, device=job.device, precision=job.precision)
        self._pipeline = Pipeline(model, detectors, open_encoder, job.limits, job.batch_size)
        self._made_by = open_encoder().run
        with detectors.lent(alone=True):
            pass

    def __call__(self, task: _Task) -> _Done:
        """What became of the photos or crops."""
        found = self._describe(task) if isinstance(task, _Crops) else self._encode(task)
        return _Done(found, self._made_by, this_machine())

    def _describe(self, task: _Crops) -> Described:
        return describe(self._pipeline.encoder, task.crops)

    def _encode(self, task: _Photos) -> list[PhotoResult]:
        known = {id(one): known for one, known in zip(task.sources, task.known, strict=True)}
        batches = self._pipeline.run(
            task.sources, skip=lambda source, sha256: sha256 in known[id(source)]
        )
        # The driver has the sources.
        nothing = PhotoSource("", b"")
        return [replace(one, source=nothing) for one in chain.from_iterable(batches)]


@contextmanager
def encoding_on_cluster(address: str | None, job: EncodingJob) -> Iterator[ClusterEncoding]:
    """The workers of a cluster, or of a Ray on this machine without an address, for one command.

    Raises as `open_cluster`, and `DeviceUnavailable` where a GPU was asked for and no machine of
    the cluster has one.
    """
    with open_cluster(address, patience=PATIENCE) as cluster:
        resources = resources_for(cluster.nodes, job.device)
        make_worker: Callable[[], EncodingWorker] = partial(EncodingWorker, job)
        with workers_of(cluster, make_worker, resources) as workers:
            together = job.batch_size * (1 if resources.cpus == 1 else _BATCHES_OF_A_MACHINE)
            yield ClusterEncoding(workers, resources.places(cluster.nodes), together)


def resources_for(nodes: Sequence[Node], device: Device) -> Resources:
    """What a worker takes: a core; or, where the cluster has GPUs and they may be used, a GPU and
    its share of the cores. All are of one kind, so that all descriptors are."""
    shares = [max(1, node.cpus // node.gpus) for node in nodes if node.gpus]
    if device == "cuda" and not shares:
        raise DeviceUnavailable(
            "You chose CUDA, but no machine of the Ray cluster has a GPU.",
            "Leave out --device, or start Ray on a machine with a GPU.",
        )
    return Resources() if device == "cpu" or not shares else Resources(min(shares), 1)


class ClusterEncoding:
    """Encodes by the workers of a cluster; see `Encoding`."""

    def __init__(self, workers: Workers[_Task, _Done], places: int, together: int) -> None:
        """`places`: how many workers there may be; `together`: photos that one gets at once."""
        self._workers = workers
        self._places = max(1, places)
        self._together = together
        self._made_by: EncodingRun | None = None

    @property
    def made_by(self) -> EncodingRun:
        """See `Encoding`. Raises what keeps workers from being made."""
        if self._made_by is None:
            next(self.crops([{}]))
        assert self._made_by is not None, "a worker said so"  # noqa: S101
        return self._made_by

    def photos(
        self, sources: Iterable[PhotoSource], *, skip: KnownPhotos | None = None
    ) -> Generator[list[PhotoResult], None, None]:
        """See `Encoding`.

        A photo that kills its worker each time has failed. Raises `ClusterLost`; and `ClusterError`
        where a machine lacks a photo that this one has, or encodes in another way than the others.
        """
        together = self._together
        if isinstance(sources, Sized):
            # Each worker gets some of a few photos.
            together = min(together, max(1, len(sources) // (2 * self._places)))
        tries = TRIES if together == 1 else 1
        for task, found in self._map(_tasks(sources, together, skip), tries=tries):
            if isinstance(found, WorkerDied) and len(task.sources) > 1:
                # One of them it is; the others are encoded.
                alone = self._map(_tasks(task.sources, 1, skip))
                yield [result for one, own in alone for result in _results(one, own)]
            else:
                yield _results(task, found)

    def crops(self, batches: Iterable[Mapping[int, bytes]]) -> Generator[Described, None, None]:
        """See `Encoding`."""
        for _, found in self._map(map(_Crops, batches)):
            if isinstance(found, WorkerDied):
                raise found
            yield found.found

    def _map(
        self, tasks: Iterable[T], *, tries: int = TRIES
    ) -> Iterator[tuple[T, _Done | WorkerDied]]:
        """What became of each task, in order."""
        workers: Workers[Any, _Done] = self._workers
        for outcome in workers.map(tasks, ahead=2 * self._places + 2, tries=tries):
            done = outcome.value
            if done is None:
                if not isinstance(outcome.error, WorkerDied):
                    assert outcome.error is not None, "one of both"  # noqa: S101
                    raise outcome.error
                yield outcome.item, outcome.error
                continue
            if self._made_by is None:
                self._made_by = done.made_by
            if done.made_by != self._made_by:
                raise ClusterError(
                    f"{done.node} encodes in {done.made_by}, other machines in {self._made_by}.",
                    SAME_VERSIONS,
                )
            yield outcome.item, done


def _tasks(
    sources: Iterable[PhotoSource], together: int, skip: KnownPhotos | None
) -> Iterator[_Photos]:
    remaining = map(_located, sources)
    while batch := tuple(islice(remaining, together)):
        known = [frozenset[str]()] * len(batch) if skip is None else skip.hashes(batch)
        yield _Photos(batch, tuple(known))


def _located(source: PhotoSource) -> PhotoSource:
    """The photo by a path that is the same in another process."""
    path = source.data
    return replace(source, data=path.absolute()) if isinstance(path, Path) else source


def _results(task: _Photos, done: _Done | WorkerDied) -> list[PhotoResult]:
    if isinstance(done, WorkerDied):
        return [PhotoResult(source, error=done) for source in task.sources]
    results = [
        replace(result, source=source)
        for source, result in zip(task.sources, done.found, strict=True)
    ]
    for result in results:
        path = result.source.data
        if isinstance(result.error, PhotoNotFound) and isinstance(path, Path) and path.exists():
            raise ClusterError(f"{done.node} does not see the photo {path}.", _SAME_PATHS)
    return results
