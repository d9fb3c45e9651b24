"""What other hospitals say as parts of a match's documents and tables."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from gestalt_space.documents.form import filled
from gestalt_space.documents.matches import MATCH_COLUMNS, MatchDocument, match_table
from gestalt_space.documents.sites import (
    CombinedLineForm,
    HospitalLineForm,
    SiteReplyForm,
    site_line_form,
)
from gestalt_space.match.answer import Match
from gestalt_space.match.view import GalleryView
from gestalt_space.sites.asking import AskedSites
from gestalt_space.sites.combined import CombinedLine
from gestalt_space.sites.replies import SiteReply
from gestalt_space.tables.table import Column, Table, Value


def add_sites(document: MatchDocument, asked: Sequence[AskedSites | None]) -> None:
    """Add to each probe of a document what other hospitals say of it."""
    for probe, one in zip(document["probes"], asked, strict=True):
        if one is not None:
            probe["sites"] = list(map(_reply_form, one.replies))
            probe["combined"] = list(map(_combined_form, one.combined))


def sites_table(
    matches: Sequence[Match], view: GalleryView, asked: Sequence[AskedSites | None]
) -> Table:
    """The rows of `match_table` with two columns more, and below them those of other hospitals:
    `site`, empty for our own, and its `state`. A hospital that did not answer has one row, with the
    reason as `error`. `patients` and `photos` of a hospital are rounded down."""
    columns = (*MATCH_COLUMNS, Column("site"), Column("state"))
    return Table(columns, _rows(matches, view, asked))


def _rows(
    matches: Sequence[Match], view: GalleryView, asked: Sequence[AskedSites | None]
) -> Iterator[tuple[Value, ...]]:
    for match, one in zip(matches, asked, strict=True):
        for row in match_table([match], view).rows:
            yield (*row, None, None)
        for reply in () if one is None else one.replies:
            yield from _reply_rows(match.photo, reply)


def _reply_rows(photo: str, reply: SiteReply) -> Iterator[tuple[Value, ...]]:
    def row(**values: Value) -> tuple[Value, ...]:
        told = {"photo": photo, **values}
        return (*(told.get(column.name) for column in MATCH_COLUMNS), reply.site, reply.state)

    if reply.answer is None or not reply.answer.lines:
        yield row(error=reply.told)
        return
    for line in reply.answer.lines:
        ratio = line.likelihood_ratio
        yield row(
            rank=line.rank,
            id=line.id,
            name=line.name,
            similarity=line.similarity,
            patients=line.patients_at_least,
            photos=line.photos_at_least,
            score=line.similarity,
            percentile=line.percentile,
            likelihood_ratio=None if ratio is None else ratio.value,
            likelihood_ratio_lower=None if ratio is None else ratio.lower,
            verdict=reply.answer.verdict,
        )


def _reply_form(reply: SiteReply) -> SiteReplyForm:
    answer = reply.answer
    return filled(
        SiteReplyForm,
        reply,
        message=reply.told,
        verdict=None if answer is None else answer.verdict,
        least_patients=None if answer is None else answer.least_patients,
        patients_at_least=None if answer is None else answer.patients_at_least,
        lines=[] if answer is None else list(map(site_line_form, answer.lines)),
    )


def _combined_form(line: CombinedLine) -> CombinedLineForm:
    hospitals = [
        filled(
            HospitalLineForm,
            one,
            percentile=None if one.percentile is None else round(one.percentile, 1),
        )
        for one in line.hospitals
    ]
    return filled(CombinedLineForm, line, hospitals=hospitals)
