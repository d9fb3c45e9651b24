"""From probes and what may be evidence for them to matches: the lines with their names, and what
stands beside them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from sqlalchemy.orm import Session

from gestalt_space.errors import ApproximateDamaged, UsageError
from gestalt_space.gallery.copies import CANDIDATE, Copy, find_copies
from gestalt_space.gallery.snapshot import gallery_changed, load_snapshot
from gestalt_space.match.answer import Eligible, Match, MatchLine
from gestalt_space.match.composition import composition
from gestalt_space.match.full_ranking import FullRanking
from gestalt_space.match.lines import RankedLine
from gestalt_space.match.names import Names, NamesByKey
from gestalt_space.match.probe import Probe
from gestalt_space.match.ranked import SearchResult, rank_probes
from gestalt_space.match.view import GalleryView, OwnFamily, own_family_of
from gestalt_space.ranking.calibration import verdict_of
from gestalt_space.ranking.chance import Chance
from gestalt_space.store.tail import read_epoch

LOOKED_FOR_COPIES = 12
"""Photos nearest to a probe among which its copies are looked for."""


def match_probes(
    probes: Sequence[Probe],
    view: GalleryView,
    session: Session,
    *,
    with_copies: bool = True,
) -> list[Match]:
    """The match of each probe, in order; those without a descriptor with their error.

    `with_copies`: stored photos that show the same picture as a probe are looked for. Raises
    `GalleryChanged` where somebody was removed since the view's state was read, `UsageError` where
    the gallery cannot be ranked by the aggregation.
    """
    _check_aggregation(view)
    question, state = view.question, view.state
    names = Names(session, question.by)
    whole = FullRanking(
        view,
        lambda: load_snapshot(session, state, by=question.by, with_family=question.with_family),
    )
    known = [probe for probe in probes if probe.descriptor is not None]
    families = [
        own_family_of(session, probe.own, with_family=question.with_family) for probe in known
    ]
    vectors = [probe.descriptor for probe in known if probe.descriptor is not None]
    try:
        found = rank_probes(np.stack(vectors), families, view, names, whole) if known else []
    except ApproximateDamaged:
        # A removal wipes it, for those who still read it as well.
        _check_unchanged(view, session)
        raise
    # All names at once: a question for each line would take longer than the search.
    lines = [line for one in found for line in one.lines]
    named = NamesByKey(
        names.titles(line.group for line in lines),
        names.patients(line.patient for line in lines),
        names.photos(line.descriptor for line in lines),
    )
    answers = iter(
        [
            _match(probe, one, family, view, named, session, with_copies)
            for probe, one, family in zip(known, found, families, strict=True)
        ]
    )
    matches = [_failed(probe) if probe.descriptor is None else next(answers) for probe in probes]
    # Asked last: whatever was removed until now may stand in what was found.
    _check_unchanged(view, session)
    return matches


def copies_of(
    probe: Probe,
    view: GalleryView,
    session: Session,
    found: SearchResult | None = None,
    *,
    outside: bool = False,
) -> tuple[Copy, ...]:
    """Stored photos that are copies of one of the probe's own, but for those of its own patient and
    of patients whom the question goes without. `outside`: crops that are not in the database are
    compared, too."""
    copies: dict[tuple[str, str], Copy] = {}
    known = {*view.question.without, *([] if probe.own is None else [probe.own.identifier])}
    for seen in probe.seen:
        if found is not None and len(probe.seen) == 1 and view.rows is None:
            nearest = found.nearest
        else:
            (nearest,) = view.state.nearest_of(
                seen.descriptor[None], LOOKED_FOR_COPIES, least=CANDIDATE
            )
        nearest = view.state.exactly(seen.descriptor, nearest, CANDIDATE)
        if not len(nearest.rows):
            continue
        ids = view.state.column_at("ids", nearest.rows)
        similarities, look = nearest.similarities, seen.look
        for copy in find_copies(session, look, similarities, ids, not_of=known, outside=outside):
            copies.setdefault((copy.patient, copy.photo), copy)
    return tuple(copies.values())


def _check_unchanged(view: GalleryView, session: Session) -> None:
    session.rollback()
    if read_epoch(session) != view.state.mark.epoch:
        raise gallery_changed()


def _check_aggregation(view: GalleryView) -> None:
    if view.question.aggregation != "calibrated":
        return
    if view.question.by != "disorder":
        raise UsageError(
            "The calibration is only for disorders.",
            f"Leave out --by {view.question.by}, or use --aggregation nearest.",
        )
    Chance.of(view.state.calibration)


def _failed(probe: Probe) -> Match:
    face = probe.photos[0].face if len(probe.photos) == 1 else None
    return Match(probe.name, face=face, error=probe.error, photos=probe.photos)


def _match(
    probe: Probe,
    found: SearchResult,
    family: OwnFamily,
    view: GalleryView,
    named: NamesByKey,
    session: Session,
    with_copies: bool,
) -> Match:
    best = _best_percentile(view, found.lines)
    eligible = view.eligible(family)
    own = probe.own
    relatives = view.ranked(np.array(sorted(family.names), dtype=np.int64))
    return Match(
        photo=probe.name,
        face=probe.photos[0].face if len(probe.photos) == 1 else None,
        lines=tuple(
            _line(rank, line, family, view, named) for rank, line in enumerate(found.lines, start=1)
        ),
        left_out=None if own is None else own.identifier,
        relatives=tuple(
            sorted({*(family.names[int(key)] for key in relatives), *_named(view, probe)})
        ),
        photos=probe.photos,
        k=view.question.k,
        eligible=Eligible(eligible.lines, eligible.patients, eligible.photos),
        composition=composition(view, found.lines, family),
        best_percentile=best,
        verdict=None if best is None else verdict_of(best),
        copies=copies_of(probe, view, session, found) if with_copies else (),
    )


def _named(view: GalleryView, probe: Probe) -> Iterator[str]:
    """Patients of the family that the question names, but for the probe's own."""
    own = None if probe.own is None else probe.own.key
    return (name for key, name in view.relatives.items() if key != own)


def _line(
    rank: int, line: RankedLine, family: OwnFamily, view: GalleryView, named: NamesByKey
) -> MatchLine:
    id_, name = named.titles[line.group]
    calibration = view.state.calibration if view.question.by == "disorder" else None
    photos = view.photos_of(line.group, family)
    references = 0.0 if calibration is None else view.references_of(line.group, family)
    return MatchLine(
        rank=rank,
        id=id_,
        name=name,
        similarity=line.similarity,
        patient=named.patients[line.patient],
        patients=len(photos),
        photos=int(photos.sum()),
        score=line.score,
        percentile=(
            None if calibration is None else calibration.percentile(line.similarity, references)
        ),
        likelihood_ratio=(
            None
            if calibration is None
            else calibration.likelihood_ratio(line.similarity, references)
        ),
        no_ratio=None if calibration is None else calibration.why_no_ratio(references),
        borrowed_ratio=(
            None if calibration is None else calibration.borrowed_ratio(line.similarity, references)
        ),
        photo=named.photos[line.descriptor],
    )


def _best_percentile(view: GalleryView, lines: Sequence[RankedLine]) -> float | None:
    if view.state.calibration is None or not lines:
        return None
    return view.state.calibration.best_percentile(max(line.similarity for line in lines))
