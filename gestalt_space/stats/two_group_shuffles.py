"""Do the means of two groups differ, and differ in some kinds beyond what is common to all? By
permutation of the groups' labels within strata."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from gestalt_space.progress import Progress, no_progress
from gestalt_space.stats.permutation import Stratum, draw_groups, p_value
from gestalt_space.stats.two_groups import (
    Floats,
    GroupMoments,
    Members,
    Numbers,
    Shift,
    at_one_length,
    group_moments,
    in_blocks,
    own_shift,
    shift,
    two_rows,
    without_common_shift,
)

Labelled = tuple[NDArray[np.floating], NDArray[np.floating]]


def shift_p(
    vectors: Floats,
    kinds: Numbers,
    first: Members,
    strata: Sequence[Stratum],
    permutations: int,
    seed: int,
    progress: Progress = no_progress,
) -> Floats:
    """The p of the groups' means being alike: over all kinds, of what is common to them, and in
    each kind, `(2 + k,)`. `strata`: places of units within each of which labels are dealt, none of
    two kinds.

    Labels are dealt over units that were brought to one length, and lengths are taken again each
    time, so that a length is estimated alike in what is observed and in what is dealt.
    """
    moved = at_one_length(vectors, kinds, first)
    return _tested(shift, moved, (vectors, kinds, first), strata, permutations, seed, progress)


def own_shift_p(
    vectors: Floats,
    kinds: Numbers,
    first: Members,
    strata: Sequence[Stratum],
    permutations: int,
    seed: int,
    progress: Progress = no_progress,
) -> Floats:
    """The p of the kinds' shifts being one common shift: over all kinds, and of each against the
    mean of the others, `(1 + k,)`. Of three kinds or more.

    What each group's kinds have in common is taken away, and labels are dealt over what is left
    (Freedman and Lane 1983); it is taken away again each time.
    """
    moved = without_common_shift(vectors, kinds, first)
    return _tested(own_shift, moved, (vectors, kinds, first), strata, permutations, seed, progress)


def _tested(
    figure: Callable[[GroupMoments], Shift],
    moved: Floats,
    observed: tuple[Floats, Numbers, Members],
    strata: Sequence[Stratum],
    permutations: int,
    seed: int,
    progress: Progress,
) -> Floats:
    vectors, kinds, first = observed
    found = figure(group_moments(vectors, kinds, *two_rows(first))).ratio[0]
    blocks = draw_groups(
        np.random.default_rng(seed), strata, len(vectors), permutations, progress=progress
    )
    drawn = in_blocks(moved, kinds, _labelled(blocks), lambda cells: figure(cells).ratio)
    return np.array([p_value(float(one), draws) for one, draws in zip(found, drawn.T, strict=True)])


def _labelled(blocks: Iterator[NDArray[np.float32]]) -> Iterator[Labelled]:
    for block in blocks:
        yield block, 1 - block
