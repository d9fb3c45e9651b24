"""A gallery is asked about a patient with a photo and more."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path

from gestalt_space.errors import UsageError
from gestalt_space.fusion.answer import FusedAnswer, fuse
from gestalt_space.fusion.described import Described
from gestalt_space.genomics.builds import parse_build
from gestalt_space.genomics.exome import ExomeScores, score_exome
from gestalt_space.genomics.filters import FilterPlan
from gestalt_space.genomics.genes import load_genes
from gestalt_space.home import Gallery
from gestalt_space.match.answer import Match
from gestalt_space.match.probe import Probe
from gestalt_space.match.question import Question
from gestalt_space.phenotype.ranking import Ranker
from gestalt_space.phenotype.release import open_release
from gestalt_space.settings import load_settings


def installed_ranker() -> Ranker:
    """The ranker of the release of HPO that is used. Raises as `open_release` does."""
    return _ranker_of(load_settings().hpo_release)


@cache
def _ranker_of(folder: Path | None) -> Ranker:
    return Ranker(open_release(folder))


def check_question(question: Question, photos: int) -> None:
    """Raises `UsageError` for what cannot be asked with terms or an exome. `photos`: that are
    asked about one by one."""
    refused = ""
    if question.by == "patient":
        refused = "--by patient"
    elif question.index != "exact":
        refused = f"--index {question.index}"
    if refused:
        raise UsageError(
            f"Terms and an exome cannot be combined with {refused}.", f"Leave out {refused}."
        )
    if photos > 1:
        raise UsageError(
            f"Terms and an exome are of one patient, but there are {photos} photos.",
            "Give one photo, or several of one patient as one (--as-one).",
        )


def read_exome(
    path: Path, genes: Path | None, sample: str | None, build: str | None, name: str = ""
) -> ExomeScores:
    """The scores of the genes of a VCF, by the filters of `FilterPlan`, for any mode of
    inheritance. `genes`: a table of HGNC; `name`: of the VCF, where it is not that of the path.
    Raises as `score_exome` does, and `UsageError` where no gene has a candidate variant."""
    wanted = None if build is None else parse_build(build)
    found = score_exome(path, FilterPlan(), load_genes(genes), sample, wanted, name)
    if not found.genes:
        raise UsageError(
            f"{found.header.name} has no gene with a candidate variant. "
            f"{found.emptied or ' '.join(found.notes)}".strip(),
            "Look at its variants: `gestalt genomics score`.",
        )
    return found


def question_about(question: Question, patient: Described) -> Question:
    """The question to the gallery: by disorder, with the sex and age of the patient."""
    return replace(question, by="disorder", sex=patient.sex, age=patient.age)


def ask_fused(
    gallery: Gallery,
    probes: Sequence[Probe],
    question: Question,
    patient: Described,
    exome: ExomeScores | None,
) -> tuple[Match, FusedAnswer | None]:
    """The match of the one probe, and all evidence together; None where the probe has an error.
    `question`: see `question_about`. Raises what a match raises."""
    ((match, lines),) = gallery.answer_in_full(probes, question)
    if match.error is not None:
        return match, None
    return match, fuse(installed_ranker(), lines, patient, exome, question.k)
