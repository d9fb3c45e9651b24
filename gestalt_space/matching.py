"""From the similarities of one probe to its match: ranking, and the evidence for each line."""

from __future__ import annotations

import numpy as np

from gestalt_space.index.contract import TOLERANCE, exact_similarities
from gestalt_space.pipeline import PhotoResult
from gestalt_space.ranking.nearest import RankedGroup, rank_nearest
from gestalt_space.snapshot import Snapshot
from gestalt_space.types import Descriptors, DisorderMatch, Match


def match_probe(
    result: PhotoResult,
    similarities: Descriptors,
    own: tuple[int, str] | None,
    snapshot: Snapshot,
    k: int,
) -> Match:
    """The match of one encoded probe, from its similarities `(n,)` to the snapshot's rows.

    `own`: key and identifier of the patient whom the probe's photo is stored for, who is left out.
    """
    probe = result.descriptor
    assert probe is not None, "only encoded probes are matched"  # noqa: S101
    eligible = None if own is None else snapshot.patient_of_row != own[0]
    ranked = rank_nearest(
        similarities,
        snapshot.members,
        k,
        eligible=eligible,
        row_order=snapshot.patient_order,
        exact=lambda rows: exact_similarities(probe, snapshot.index.descriptors[rows]),
        tolerance=TOLERANCE,
    )
    return Match(
        photo=result.source.name,
        face=result.face,
        disorders=tuple(
            _line(rank, group, snapshot, eligible) for rank, group in enumerate(ranked, start=1)
        ),
        left_out=None if own is None else own[1],
    )


def _line(
    rank: int, ranked: RankedGroup, snapshot: Snapshot, eligible: np.ndarray | None
) -> DisorderMatch:
    rows = snapshot.members.of(ranked.group)
    rows = rows if eligible is None else rows[eligible[rows]]
    id_, name = snapshot.disorders[ranked.group]
    return DisorderMatch(
        rank=rank,
        id=id_,
        name=name,
        similarity=ranked.similarity,
        patient=snapshot.patients[int(snapshot.patient_of_row[ranked.row])],
        patients=len(np.unique(snapshot.patient_of_row[rows])),
        photos=len(rows),
    )
