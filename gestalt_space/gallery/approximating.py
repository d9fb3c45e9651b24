"""Approximate indexes of a gallery: built when somebody asks for one, deleted by a removal."""

from __future__ import annotations

from collections.abc import Callable

from gestalt_space.errors import GalleryChanged, GalleryEmpty
from gestalt_space.gallery.sealing import Sealer
from gestalt_space.gallery.state import GalleryState
from gestalt_space.index.approximate import ApproximateRecord, rows_by_id
from gestalt_space.index.approximating import FEWEST, ApproximateOptions, build


def build_approximate(
    state: GalleryState,
    sealer: Sealer,
    options: ApproximateOptions,
    *,
    seed: int,
    progress: Callable[[float], object] | None,
) -> ApproximateRecord:
    """Build an approximate index of what a state has on disk, and record it.

    Raises `GalleryEmpty` where too little is on disk, `GalleryChanged` where somebody was removed
    meanwhile.
    """
    if len(rows_by_id(state.searcher)[0]) < FEWEST:
        raise GalleryEmpty(
            f"The index of this space has fewer than {FEWEST} photos.",
            "Add photos, then run `gestalt index rebuild`.",
        )
    if len(state.gone):
        raise GalleryChanged(
            "The index still has photos that were removed.", "Run `gestalt index rebuild`."
        )
    built = build(state.searcher, options, seed=seed, progress=progress)
    return sealer.keep_approximate(built, state.mark.epoch)
