"""The answer for a patient: both rankings, and what they rest on."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from gestalt_space.fusion.described import Described
from gestalt_space.fusion.exome_evidence import ASSUMPTIONS, ExomeEvidence
from gestalt_space.fusion.fused import FusedLine, FusedRanking, Fusion
from gestalt_space.fusion.terms_evidence import CAREFUL, INDEPENDENT
from gestalt_space.fusion.terms_explained import TermsExplained
from gestalt_space.genomics.exome import ExomeScores
from gestalt_space.match.answer import MatchLine
from gestalt_space.phenotype.likelihood import EXCLUDED_WEIGHT
from gestalt_space.phenotype.ranking import Ranker
from gestalt_space.phenotype.release import Release

TOGETHER = (
    "A ratio is the product of the parts, as if they were independent, divided by the mean of all "
    "other disorders or genes. It is measured on published cases with simulated faces."
)
BOUND = (
    "The lower bound of a ratio has the photo's lower bound, and counts a patient's terms as "
    f"{CAREFUL:g} independent ones at the most."
)
FEW_TERMS = (
    f"Assumed: a patient's terms count as {INDEPENDENT:g} independent ones at the most. The terms' "
    f"part is the score of the terms alone × {INDEPENDENT:g} / (present terms + excluded terms / "
    f"{1 / EXCLUDED_WEIGHT:g}), if that is less than the score."
)


@dataclass(frozen=True, slots=True)
class FusedAnswer:
    """Both rankings. `patient`: what was given beside photo and exome; `exome`, `evidence`: None
    without an exome. `closest`: the disorder that is first by the photo alone; None without any."""

    release: Release
    patient: Described
    exome: ExomeScores | None
    evidence: ExomeEvidence | None
    assumptions: tuple[str, ...]
    disorders: FusedRanking
    genes: FusedRanking
    closest: FusedLine | None = None

    @property
    def exome_notes(self) -> tuple[str, ...]:
        """What a user should know of the exome, in sentences."""
        if self.exome is None or self.evidence is None:
            return ()
        return (*self.exome.notes, *self.evidence.notes)


def fuse(
    ranker: Ranker,
    photo: Iterable[MatchLine],
    patient: Described,
    exome: ExomeScores | None,
    top: int,
) -> FusedAnswer:
    """The first `top` disorders and genes for a patient, with the share of each term. `photo`: all
    lines of the match by disorder, best first."""
    release, evidence = ranker.release, None
    if exome is not None:
        evidence = ExomeEvidence(
            exome.genes,
            exome.total,
            release.annotations,
            ambiguous=exome.ambiguous,
            empty_chromosomes=exome.empty_chromosomes,
        )
    lines = tuple(photo)
    fusion = Fusion(ranker, lines, patient.query, evidence)
    disorders, genes = fusion.disorders(top), fusion.genes(top)
    if patient.query is not None:
        explained = TermsExplained(ranker, patient.query)
        disorders, genes = explained.disorders(disorders), explained.genes(genes)
    return FusedAnswer(
        release,
        patient,
        exome,
        evidence,
        (
            TOGETHER,
            *(() if patient.query is None else (FEW_TERMS, BOUND)),
            *(() if evidence is None else ASSUMPTIONS),
        ),
        disorders,
        genes,
        fusion.disorder(lines[0].id) if lines else None,
    )
