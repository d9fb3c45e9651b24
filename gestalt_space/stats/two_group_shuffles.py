"""Permutation tests of two groups: whether their means differ, and whether some kinds differ beyond
what is common to all. Labels are permuted within strata."""

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
    """P-values of the hypothesis that the groups' means are equal: over all kinds, for the common
    part, and for each kind, `(2 + k,)`. `strata`: places of the units within which labels are
    permuted, each of a single kind.

    Labels are permuted over units that were rescaled to one length per group. Lengths are estimated
    again for every permutation, in the same way as for the observed labels.
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
    """P-values of the hypothesis that all kinds have the same shift: over all kinds, and of each
    kind against the mean of the others, `(1 + k,)`. For three kinds or more.

    What the kinds of each group have in common is removed, and labels are permuted over the
    residuals (Freedman and Lane 1983); it is removed again for every permutation.
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
