"""From the similarities of one probe to its match: ranking, and the evidence for each line."""

from __future__ import annotations

import numpy as np

from gestalt_space.index.contract import TOLERANCE, exact_similarities
from gestalt_space.pipeline import PhotoResult
from gestalt_space.ranking.ranks import RankedGroup, rank_groups
from gestalt_space.snapshot import Snapshot
from gestalt_space.types import Descriptors, DisorderMatch, Match


def match_probe(
    result: PhotoResult,
    similarities: Descriptors,
    own: str | None,
    snapshot: Snapshot,
    k: int,
) -> Match:
    """The match of one encoded probe, from its similarities `(n,)` to the snapshot's rows.

    `own`: the patient whom the probe's photo is stored for, who is left out.
    """
    probe = result.descriptor
    assert probe is not None, "only encoded probes are matched"  # noqa: S101
    place = None if own is None else snapshot.patient(own)
    left_out = -1
    if place is not None:
        left_out = int(snapshot.lines.grouping.place_of(np.array([place]))[0])
    ranked = rank_groups(
        similarities,
        snapshot.lines.grouping,
        k,
        own=left_out,
        exact=lambda rows: exact_similarities(probe, snapshot.index.descriptors[rows]),
        tolerance=TOLERANCE,
    )
    return Match(
        photo=result.source.name,
        face=result.face,
        disorders=tuple(
            _line(rank, group, snapshot, left_out) for rank, group in enumerate(ranked, start=1)
        ),
        left_out=own,
    )


def _line(rank: int, ranked: RankedGroup, snapshot: Snapshot, left_out: int) -> DisorderMatch:
    grouping = snapshot.lines.grouping
    members = grouping.members_of(ranked.group)
    members = members[members != left_out]
    id_, name = snapshot.lines.title(ranked.group)
    return DisorderMatch(
        rank=rank,
        id=id_,
        name=name,
        similarity=ranked.similarity,
        patient=snapshot.patients[int(snapshot.patient_of_row[ranked.row])],
        patients=len(members),
        photos=int(grouping.photo_counts[members].sum()),
    )
