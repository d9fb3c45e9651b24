"""Approximate indexes of a gallery: built when somebody asks for one, deleted by a removal."""

from __future__ import annotations

from collections.abc import Callable

from gestalt_space.errors import GalleryChanged, GalleryEmpty
from gestalt_space.gallery.sealing import SEALED_FROM, Sealer
from gestalt_space.gallery.state import GalleryState
from gestalt_space.index.approximate import ApproximateRecord
from gestalt_space.index.approximating import ApproximateOptions, build


def build_approximate(
    state: GalleryState,
    sealer: Sealer,
    options: ApproximateOptions,
    *,
    seed: int,
    progress: Callable[[float], object] | None,
) -> ApproximateRecord:
    """Build an approximate index of what a state has on disk, and record it.

    Raises `GalleryEmpty` where nothing is on disk, `GalleryChanged` where somebody was removed
    meanwhile.
    """
    if not state.searcher.segments:
        raise GalleryEmpty(
            f"The gallery has no index on disk in this space: it has {state.photos:,} photos.",
            f"It gets one from {SEALED_FROM} photos on; `gestalt index rebuild` writes it at once.",
        )
    if len(state.gone):
        raise GalleryChanged(
            "What was removed is still in the index on disk.", "Run `gestalt index rebuild`."
        )
    built = build(state.searcher, options, seed=seed, progress=progress)
    return sealer.keep_approximate(built, state.mark.epoch)
