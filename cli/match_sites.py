"""`gestalt match --ask`: the gallery's lines, and those of other hospitals beside them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from gestalt_space.counts import counted_text
from gestalt_space.errors import UsageError

from . import match_output, output

if TYPE_CHECKING:
    from gestalt_space.gallery.pipeline import PhotoSource
    from gestalt_space.home import Gallery
    from gestalt_space.match.question import Question
    from gestalt_space.settings import Settings
    from gestalt_space.sites.asking import AskedSites
    from gestalt_space.sites.combined import CombinedLine
    from gestalt_space.sites.replies import SiteReply
    from gestalt_space.sites.site import Site


def sites_to_ask(
    settings: Settings,
    ask: Sequence[str],
    question: Question,
    form: str,
    *,
    others: Sequence[tuple[str, bool]],
) -> tuple[Site, ...]:
    """The sites of --ask. Raises `UsageError` for those that cannot be asked, for a question that
    they cannot be asked, and with other options."""
    from gestalt_space.sites.asking import check_question
    from gestalt_space.sites.site import chosen_sites

    for name, is_given in (*others, ("--format gestaltmatcher", form == "gestaltmatcher")):
        if is_given:
            raise UsageError(f"--ask cannot be combined with {name}.", f"Leave out {name}.")
    check_question(question)
    return chosen_sites(settings, ask)


def match_and_ask(
    gallery: Gallery,
    sites: Sequence[Site],
    question: Question,
    sources: Sequence[PhotoSource],
    patient: str | None,
    as_one: bool,
    form: str,
    csv: Path | None,
    quiet: bool,
) -> int:
    """Rank the gallery's lines, ask the sites, and show both. The exit code is that of a match:
    a site that does not answer is reported, and changes nothing about the gallery's own answer."""
    from gestalt_space.documents.matches import match_document
    from gestalt_space.sites.asking import ask_sites
    from gestalt_space.sites.documents import add_sites, sites_table

    view = gallery.view(question)
    if patient is not None:
        probes = [gallery.stored_probe(patient)]
        question = question.about(gallery.patient(patient))
        view = gallery.view(question)
    else:
        probes = []
        with output.progress("Reading", len(sources), quiet=quiet or len(sources) < 2) as show:
            for batch in gallery.probes(sources, as_one=as_one):
                probes += batch
                show(len(probes), len(sources))
    view, matches = gallery.answer(probes, question, view)
    encoded = gallery.encoded(photos=patient is None)
    output.say_precisions(encoded)
    asked = ask_sites(gallery, sites, probes, matches, question)
    calibration = gallery.calibration()
    if form == "json":
        document = match_document(gallery.space, view, matches, encoded, calibration)
        add_sites(document, asked)
        output.write_json(document)
    elif form == "csv":
        output.write_table(sites_table(matches, view, asked), csv or output.STANDARD_OUTPUT)
    else:
        detector = "" if patient is not None else gallery.pipeline.detector
        for match, one in zip(matches, asked, strict=True):
            match_output.write_tables([match], view, detector)
            if one is not None:
                _write_sites(one)
        if not quiet:
            match_output.write_summary(view, gallery.space, calibration)
    failed = [photo.error for match in matches for photo in match.photos]
    return 3 if any(error is not None for error in failed) else 0


def _write_sites(asked: AskedSites) -> None:
    for reply in asked.replies:
        _write_reply(reply)
    if any(reply.answer is not None for reply in asked.replies):
        output.write_text("all hospitals, by similarity", style="bold")
        _write_combined(asked.combined)


def _write_reply(reply: SiteReply) -> None:
    answer = reply.answer
    if answer is None:
        output.write_text(f"{reply.site}: {reply.state.replace('_', ' ')}", style="bold")
        output.write_text(f"  {reply.told}")
        return
    output.write_text(reply.site, style="bold")
    output.write_text(
        f"  {counted_text(answer.patients_at_least, 'patient')} or more, lines with "
        f"{answer.least_patients} or more"
    )
    if answer.verdict is not None:
        output.write_text(f"  {answer.verdict}, by this hospital's gallery", style="bold")
    if not answer.lines:
        output.write_text("  no line")
        return
    table = output.new_table(
        *("rank", "disorder or gene", "similarity", "pctl", "LR", "patients", "photos"),
        right=("rank", "similarity", "pctl", "LR", "patients", "photos"),
        least=("photos", "patients", "LR", "pctl"),
    )
    for line in answer.lines:
        ratio = line.likelihood_ratio
        table.add_row(
            str(line.rank),
            match_output.title_of(line.id, line.name),
            f"{line.similarity:.2f}",
            "" if line.percentile is None else f"{line.percentile:.1f}",
            "" if ratio is None else f"{ratio.value:.2g} (≥ {ratio.lower:.2g})",
            f"≥ {line.patients_at_least:,}",
            f"≥ {line.photos_at_least:,}",
        )
    output.write_table(table)


def _write_combined(lines: Sequence[CombinedLine]) -> None:
    table = output.new_table(
        *("rank", "disorder or gene", "similarity", "where"), right=("rank", "similarity")
    )
    for line in lines:
        where = ", ".join(f"{one.site or 'here'} {one.similarity:.2f}" for one in line.hospitals)
        title = match_output.title_of(line.id, line.name)
        table.add_row(str(line.rank), title, f"{line.similarity:.2f}", where)
    output.write_table(table)
