"""Whether encoders still give the numbers that are stored: a sample of kept crops is encoded
again."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from gestalt_space.counts import counted_text
from gestalt_space.descriptors import to_descriptors
from gestalt_space.encoders.specification import Encoder
from gestalt_space.errors import PhotoDamaged
from gestalt_space.faces.crops import crop_from_png
from gestalt_space.gallery.inspecting.findings import CheckFinding, guarded, named
from gestalt_space.gallery.opened import OpenGallery
from gestalt_space.gallery.spaces import model_of
from gestalt_space.progress import Progress, Stages, no_stages
from gestalt_space.store import samples
from gestalt_space.store.reads import StoredSpace
from gestalt_space.store.samples import KeptCrop

LEAST_COSINE, LEAST_COSINE_FAST = 0.99999, 0.999
"""Between a stored descriptor and a new one in float32: of one that was made in float32, and in any
other precision or one that is not recorded."""
AT_ONCE = 16
"""Faces that are encoded together."""
_REPLACE = (
    "Remove these photos with `gestalt index remove --photo NAME` and add them again. If all "
    "differ, run `gestalt models verify`."
)


@dataclass(frozen=True, slots=True)
class EncodingCheck:
    """A sample that was encoded again: `lowest` cosine, and what differs or cannot be read, by the
    names of photos and patients."""

    count: int
    lowest: float
    different: tuple[str, ...]
    damaged: tuple[str, ...]


def inspect_encoding(
    gallery: OpenGallery,
    spaces: Sequence[StoredSpace],
    *,
    sample: int,
    seed: int,
    stages: Stages = no_stages,
) -> Iterator[CheckFinding]:
    """For each space whose model is installed, whether so many crops, drawn by a seed, or all where
    there are fewer, give their descriptors again."""
    for space in spaces:
        subject = f"encoder {space.model}"
        yield from guarded(subject, _space(gallery, space, subject, (sample, seed), stages))


def _space(
    gallery: OpenGallery,
    space: StoredSpace,
    subject: str,
    draw: tuple[int, int],
    stages: Stages,
) -> Iterator[CheckFinding]:
    model = model_of(gallery.models, space)
    if model is None:
        return  # `inspect_spaces` reports it
    with gallery.database.reading() as session:
        drawn = samples.draw_described(session, space.id, *draw)
        crops = samples.kept_crops(session, drawn)
    if not crops:
        yield CheckFinding(subject, "note", "no crops are stored, so none was encoded again")
        return
    progress = stages(f"Encoding crops again with {space.model}", "crops")
    encoder = gallery.using(space=model.name, precision="float32").encoder
    found = _compared(crops, encoder, progress)
    if found.damaged:
        names = named(found.damaged, len(found.damaged))
        detail = f"{counted_text(len(found.damaged), 'crop')} cannot be read: {names}"
        yield CheckFinding(f"crops {space.model}", "fail", detail, _REPLACE)
    if found.different:
        detail = (
            f"{len(found.different)} of {counted_text(found.count, 'crop')} give a different "
            f"descriptor than the stored one (cosine {found.lowest:.5f}): "
            f"{named(found.different, len(found.different))}"
        )
        yield CheckFinding(subject, "fail", detail, _REPLACE)
    elif found.count:
        detail = (
            f"{counted_text(found.count, 'crop')} encoded again, cosine at least {found.lowest:.6f}"
        )
        yield CheckFinding(subject, "ok", detail)


def _compared(crops: Sequence[KeptCrop], encoder: Encoder, progress: Progress) -> EncodingCheck:
    images, whole, damaged = [], [], []
    for crop in crops:
        try:
            images.append(crop_from_png(crop.png))
            whole.append(crop)
        except PhotoDamaged:
            damaged.append(crop.title)
    lowest, different = 1.0, []
    dim = encoder.spec.descriptor_dim
    for start in range(0, len(whole), AT_ONCE):
        again = to_descriptors(encoder.encode(np.stack(images[start : start + AT_ONCE])))
        for crop, row in zip(whole[start:], again, strict=False):
            stored = np.frombuffer(crop.vector, "<f4")
            cosine = float(stored @ row) if len(stored) == dim else 0.0
            least = LEAST_COSINE if crop.precision == "float32" else LEAST_COSINE_FAST
            if not cosine >= least:  # also where it is no number
                different.append(crop.title)
            lowest = min(lowest, cosine if np.isfinite(cosine) else 0.0)
        progress(min(start + AT_ONCE, len(whole)), len(whole))
    return EncodingCheck(len(whole), lowest, tuple(different), tuple(damaged))
