"""`gestalt match` with terms or an exome: one ranking of disorders and of genes by all of it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal, cast

from gestalt_space.counts import counted_text
from gestalt_space.errors import UsageError

from . import match_output, output
from .phenotype_output import write_terms
from .ties import places_text, write_ties

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from gestalt_space.fusion.answer import FusedAnswer
    from gestalt_space.fusion.fused import FusedLine
    from gestalt_space.fusion.parts import ExomePart, PartName, TermShare, TermsPart
    from gestalt_space.gallery.pipeline import PhotoSource
    from gestalt_space.home import Gallery
    from gestalt_space.match.answer import Match
    from gestalt_space.match.question import Question
    from gestalt_space.match.view import GalleryView

_ALONE = "photo alone: "
_SHOWN_EVIDENCE = 3
"""Lines whose parts are explained; --json has the evidence of all."""
_TITLES: dict[PartName, str] = {"photo": "the photo", "terms": "the terms", "exome": "the exome"}


@dataclass(frozen=True)
class Given:
    """What is given beside a photo, as the options have it."""

    hpo: Sequence[str]
    phenopacket: Path | None
    vcf: Path | None
    sample: str | None
    build: str | None
    genes: Path | None

    @property
    def is_any(self) -> bool:
        """Whether there is more than a photo."""
        return bool(self.hpo) or self.phenopacket is not None or self.vcf is not None


def check_options(
    given: Given,
    question: Question,
    form: str,
    *,
    others: Sequence[tuple[str, bool]],
    probes: int,
) -> None:
    """Raises `UsageError` for options that cannot be combined. `others`: options, and whether they
    are given; `probes`: how many photos are asked about one by one."""
    from gestalt_space.fusion.asking import check_question

    for option in ("sample", "build", "genes"):
        if given.vcf is None and getattr(given, option) is not None:
            raise UsageError(f"--{option} needs a VCF.", "Name one: --vcf FILE.")
    if not given.is_any:
        return
    taken = [name for name, is_given in others if is_given]
    if form == "gestaltmatcher":
        taken.append("--format gestaltmatcher")
    if taken:
        raise UsageError(
            f"Terms and an exome cannot be combined with {taken[0]}.",
            f"Leave out {taken[0]}, or --hpo, --phenopacket and --vcf.",
        )
    check_question(question, probes)


def match_fused(
    gallery: Gallery,
    given: Given,
    question: Question,
    sources: Sequence[PhotoSource],
    patient: str | None,
    as_one: bool,
    form: str,
    csv: Path | None,
    quiet: bool,
) -> int:
    """Match a photo or a patient, add terms and exome, and show both rankings."""
    from gestalt_space.documents.matches import match_document
    from gestalt_space.fusion.asking import (
        ask_fused,
        installed_ranker,
        question_about,
        read_exome,
    )
    from gestalt_space.fusion.described import describe, read_phenopacket
    from gestalt_space.fusion.documents import fused_form, fused_table

    by = cast(Literal["disorder", "gene"], question.by)
    ontology = installed_ranker().release.ontology
    own = None if patient is None else gallery.patient(patient)
    packet = None if given.phenopacket is None else read_phenopacket(given.phenopacket)
    described = describe(ontology, given.hpo, packet, question.sex, question.age, stored=own)
    exome = None
    if given.vcf is not None:
        with output.step("Reading variants", quiet=quiet):
            exome = read_exome(given.vcf, given.genes, given.sample, given.build)
    asked = question_about(question, described)
    if own is not None:
        asked = asked.about(own)
        described = replace(described, sex=asked.sex, age=asked.age)
    view = gallery.view(asked)
    if patient is not None:
        probes = [gallery.stored_probe(patient)]
    else:
        probes = [probe for batch in gallery.probes(sources, as_one=as_one) for probe in batch]
    match, answer = ask_fused(gallery, probes, asked, described, exome)
    encoded = gallery.encoded(photos=patient is None)
    output.say_precisions(encoded)
    calibration = gallery.calibration()
    if form == "json":
        document = match_document(gallery.space, view, [match], encoded, calibration)
        if answer is not None:
            document["probes"][0]["fused"] = fused_form(answer, by)
        output.write_json(document)
    elif answer is None:
        match_output.write_tables([match], view, "")
    elif form == "csv":
        ranking = answer.genes if by == "gene" else answer.disorders
        output.write_table(fused_table(ranking.lines), csv or output.STANDARD_OUTPUT)
    else:
        detector = "" if patient is not None else gallery.pipeline.detector
        _write(match, view, detector, answer, by)
        if not quiet:
            _write_facts(answer)
            match_output.write_summary(view, gallery.space, calibration)
    failed = match.error is not None or any(photo.error is not None for photo in match.photos)
    return 3 if failed else 0


def _write(match: Match, view: GalleryView, detector: str, answer: FusedAnswer, by: str) -> None:
    match_output.write_probe(match, view, detector, _ALONE)
    if answer.closest is not None:
        _write_closest(answer.closest)
    for note in answer.patient.notes:
        output.write_text(f"  {note}", style="bold")
    if answer.patient.query is not None:
        write_terms(answer.patient.query)
    shown = [("disorder", answer.disorders.lines), ("gene", answer.genes.lines)]
    for what, lines in sorted(shown, key=lambda one: one[0] != by):
        output.write_text(f"\n{what.capitalize()}s by all evidence together", style="bold")
        _write_lines(what, lines)
        if what == by:
            _write_evidence(lines)
    match_output.write_around(match, view.question, _ALONE)


def _write_closest(line: FusedLine) -> None:
    """The first line of the photo alone, which may be far down here."""
    photo = line.parts["photo"]
    told = _part_text(photo.log10_ratio) if photo.log10_ratio else f"no evidence ({photo.why})"
    output.write_text(
        f"  closest by the photo alone: {match_output.title_of(line.id, line.name)}, "
        f"photo {told}, rank {line.rank:,} here"
    )


def _write_lines(what: str, lines: Sequence[FusedLine]) -> None:
    names = list(lines[0].parts) if lines else []
    right = ("rank", "log10 LR", *names, "others")
    columns = ["rank", what, "log10 LR", *names, "others", *["best disorder"] * (what == "gene")]
    table = output.new_table(
        *columns, right=right, whole=["gene"], least=["best disorder"] * (what == "gene")
    )
    for line in lines:
        name = line.name if what == "gene" else _title_of(line)
        cells = [str(line.rank), name, f"{line.log10_ratio:+.4f}"]
        cells += [_part_text(line.parts[one].log10_ratio) for one in names]
        cells.append(_part_text(line.others))
        if what == "gene":
            cells.append(match_output.title_of(line.disorder, line.disorder_name))
        table.add_row(*cells)
    output.write_table(table)
    write_ties(what, "total", [(line.log10_ratio, line.tied) for line in lines])
    for line in lines:
        if line.rank_without:
            told = (_without_text(line, one) for one in line.rank_without)
            output.write_text(f"  {line.name}: {', '.join(told)}")
    for name in names:
        for why in dict.fromkeys(line.parts[name].why for line in lines if line.parts[name].why):
            places = [place for place, line in enumerate(lines, 1) if line.parts[name].why == why]
            output.write_text(f"  {name}, {places_text(places)}: {why}", style="dim")
    if withheld := [place for place, line in enumerate(lines, 1) if line.no_ratio]:
        output.write_text(
            f"  no fused likelihood ratio, {places_text(withheld)}: a part is withheld",
            style="dim",
        )


def _title_of(line: FusedLine) -> str:
    """A disorder with its best gene."""
    title = match_output.title_of(line.id, line.name)
    return f"{title}, best gene {line.gene}" if line.gene else title


def _write_evidence(lines: Sequence[FusedLine]) -> None:
    """How the terms' and the exome's parts of the first lines come about."""
    from gestalt_space.fusion import parts

    for line in lines[:_SHOWN_EVIDENCE]:
        for name, part in line.parts.items():
            told: list[str] = []
            if isinstance(part, parts.TermsPart):
                told = list(_term_texts(part))
            elif isinstance(part, parts.ExomePart):
                told = list(_exome_texts(part))
            if told:
                total = _part_text(part.log10_ratio)
                output.write_text(f"  {line.name}, {name} {total}: {', '.join(told)}")


def _term_texts(part: TermsPart) -> Iterator[str]:
    for share in part.shares:
        if share.adds:
            yield f"{_term_text(share)} {_part_text(share.adds)}"
    if silent := sum(not share.adds for share in part.shares):
        yield f"{counted_text(silent, 'term')} 0"
    if part.other_disorders:
        yield f"other disorders of the gene {_part_text(part.other_disorders)}"


def _exome_texts(part: ExomePart) -> Iterator[str]:
    if part.gene is None:
        return
    variants = f"candidate {' and '.join(part.variants)}" if part.variants else "no candidate"
    yield f"{part.gene}, {variants} {_part_text(part.candidate)}"
    if part.score is not None:
        yield f"CADD {part.score:g} {_part_text(part.cadd)}"
    if part.genes > 1:
        yield f"mean of {part.genes} genes {_part_text(part.averaged)}"


def _term_text(share: TermShare) -> str:
    return share.evidence.name if share.evidence.is_present else f"no {share.evidence.name}"


def _without_text(line: FusedLine, part: PartName) -> str:
    """The rank without a part; a rank by nothing is none."""
    rest = [one for one in line.parts if one != part]
    if all(line.parts[one].why and not line.parts[one].log10_ratio for one in rest):
        told = f"no evidence from {' and '.join(_TITLES[one] for one in rest)}"
    else:
        told = f"rank {line.rank_without[part]:,}"
    return f"without {_TITLES[part]}: {told}"


def _part_text(log10_ratio: float) -> str:
    return f"{log10_ratio:+.4f}" if log10_ratio else "0"


def _write_facts(answer: FusedAnswer) -> None:
    """What the totals rest on."""
    exome, release = answer.exome, answer.release
    if exome is not None:
        filters = ", ".join(f"{step.left:,} after {step.name}" for step in exome.steps)
        output.write_text(
            f"{exome.header.sample}, {exome.header.build or 'unknown build'}: "
            f"{counted_text(exome.total, 'variant')}, {filters}; "
            f"{counted_text(len(exome.genes), 'gene')} with candidates.",
            style="dim",
        )
        for note in answer.exome_notes:
            output.write_text(note, style="dim")
    for text in answer.assumptions:
        output.write_text(text, style="dim")
    output.write_text(
        f"{counted_text(answer.disorders.ranked, 'disorder')} and "
        f"{counted_text(answer.genes.ranked, 'gene')} ranked, HPO of {release.ontology.release}, "
        f"annotations of {release.annotations.release}.",
        style="dim",
    )
