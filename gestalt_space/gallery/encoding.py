"""How many photos are encoded: by threads of this process, or by workers of a cluster
(`cluster_encoding`). Both give the same, in the same order.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Mapping, Sequence
from contextlib import suppress
from typing import Protocol

import numpy as np

from gestalt_space.descriptors import to_descriptors, unsound
from gestalt_space.encoders.specification import Encoder
from gestalt_space.errors import PhotoDamaged
from gestalt_space.faces.crops import crop_from_png
from gestalt_space.gallery.pipeline import PhotoResult, PhotoSource, Pipeline
from gestalt_space.types import Descriptors, EncodingRun

Described = dict[int, Descriptors | None]
"""Descriptors `(d,)` by the key of their face; None for a crop that is damaged, or that the encoder
cannot describe."""


class KnownPhotos(Protocol):
    """Says which photos can be passed over before they are decoded."""

    def __call__(self, source: PhotoSource, sha256: str) -> bool:
        """Whether a photo of that sha256 can be."""
        ...

    def hashes(self, sources: Sequence[PhotoSource]) -> list[frozenset[str]]:
        """For each photo, all sha256 with which it can be."""
        ...


class Encoding(Protocol):
    """What encodes photos and crops for one command."""

    @property
    def made_by(self) -> EncodingRun:
        """What descriptors are made with, beside their space."""
        ...

    def photos(
        self, sources: Iterable[PhotoSource], *, skip: KnownPhotos | None = None
    ) -> Generator[list[PhotoResult], None, None]:
        """As `Pipeline.run`."""
        ...

    def crops(self, batches: Iterable[Mapping[int, bytes]]) -> Generator[Described, None, None]:
        """Descriptors of stored crops (PNG by the key of the face), batch by batch, in order."""
        ...


class LocalEncoding:
    """Encodes in threads of this process."""

    def __init__(self, pipeline: Pipeline) -> None:
        self._pipeline = pipeline

    @property
    def made_by(self) -> EncodingRun:
        """See `Encoding`. Raises `ModelDamaged` or `DeviceUnavailable`."""
        return self._pipeline.encoder.run

    def photos(
        self, sources: Iterable[PhotoSource], *, skip: KnownPhotos | None = None
    ) -> Generator[list[PhotoResult], None, None]:
        """See `Encoding`."""
        return self._pipeline.run(sources, skip=skip)

    def crops(self, batches: Iterable[Mapping[int, bytes]]) -> Generator[Described, None, None]:
        """See `Encoding`."""
        for batch in batches:
            yield describe(self._pipeline.encoder, batch)


def describe(encoder: Encoder, crops: Mapping[int, bytes]) -> Described:
    """The descriptors of stored crops."""
    images = {}
    for face, png in crops.items():
        with suppress(PhotoDamaged):
            images[face] = crop_from_png(png)
    found: Described = dict.fromkeys(crops)
    if not images:
        return found
    descriptors = to_descriptors(encoder.encode(np.stack(list(images.values()))))
    rows = zip(images, descriptors, unsound(descriptors), strict=True)
    return found | {face: row for face, row, is_unsound in rows if not is_unsound}
