"""Annotations without those of one source, so that a published case can be ranked by what others
have reported."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from gestalt_space.phenotype.ontology import Places
from gestalt_space.phenotype.profiles import Frequencies, Profiles, pooled, profiles_of
from gestalt_space.phenotype.release import Release

Counts = Mapping[tuple[int, int], tuple[int, int]]
"""Places of a disorder and a term, to how many of how many patients had it."""


@dataclass(frozen=True)
class LeftOut:
    """The disorders that rest on a source, at least in part, and their profiles without it: column
    i is of `disorders[i]`."""

    disorders: Places
    profiles: Profiles


def without_source(release: Release, source: str, patients: Counts) -> LeftOut | None:
    """What is left of the disorders that a source such as PMID:… speaks of; None where there is
    none.

    A row that rests on the source alone goes. Of one that rests on others too, the source's own
    `patients` are taken off; it goes where these are all, or where it has no counts.
    """
    annotations = release.annotations
    rows = annotations.rows_from(source)
    if not len(rows):
        return None
    disorders = np.unique(annotations.disorder[rows])
    at = np.flatnonzero(np.isin(annotations.disorder, disorders))
    is_its = np.isin(at, rows)
    seen, looked = annotations.seen[at], annotations.looked[at]
    keep = ~is_its
    for place in np.flatnonzero(is_its):
        row = at[place]
        if annotations.sources[annotations.source[row]] == source:
            continue
        key = (int(annotations.disorder[row]), int(annotations.term[row]))
        has, had = patients.get(key, (0, 0))
        seen[place] = max(seen[place] - has, 0)
        looked[place] = max(looked[place] - had, seen[place])
        keep[place] = looked[place] > 0
    left = replace(
        annotations,
        disorder=annotations.disorder[at],
        term=annotations.term[at],
        source=annotations.source[at],
        seen=seen,
        looked=looked,
        share=annotations.share[at],
        is_not=annotations.is_not[at],
    )
    found = pooled(left, np.flatnonzero(keep).astype(np.int32))
    columns = np.searchsorted(disorders, found.disorder).astype(np.int32)
    frequencies = Frequencies(columns, found.term, found.share)
    return LeftOut(disorders, profiles_of(release.ontology, frequencies, len(disorders)))
