"""What annotators wrote of a variant: the fields ANN (SnpEff, Jannovar) and CSQ (VEP)."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias
from urllib.parse import unquote

from gestalt_space.errors import UsageError
from gestalt_space.genomics.info_fields import best_number, is_cadd, is_frequency

Impact: TypeAlias = Literal["high", "moderate", "low", "modifier"]
IMPACTS: tuple[Impact, ...] = ("high", "moderate", "low", "modifier")
"""From the most to the least severe, as SnpEff and VEP name them."""

_TERMS: dict[Impact, str] = {
    "high": (
        "transcript_ablation splice_acceptor_variant splice_donor_variant stop_gained "
        "frameshift_variant stop_lost start_lost transcript_amplification "
        "exon_loss_variant frameshift_elongation frameshift_truncation "
        "feature_elongation feature_truncation initiator_codon_variant "
    ),
    "moderate": (
        "missense_variant inframe_insertion inframe_deletion protein_altering_variant "
        "disruptive_inframe_insertion disruptive_inframe_deletion inframe_variant "
        "conservative_inframe_insertion conservative_inframe_deletion mnv "
        "complex_substitution internal_feature_elongation "
    ),
    "low": (
        "splice_region_variant splice_donor_5th_base_variant "
        "splice_donor_region_variant splice_polypyrimidine_tract_variant "
        "synonymous_variant stop_retained_variant start_retained_variant "
        "incomplete_terminal_codon_variant "
        "5_prime_utr_premature_start_codon_gain_variant "
    ),
    "modifier": (
        "coding_sequence_variant mature_mirna_variant 5_prime_utr_variant "
        "3_prime_utr_variant non_coding_transcript_exon_variant intron_variant "
        "5_prime_utr_exon_variant 3_prime_utr_exon_variant intergenic_region "
        "5_prime_utr_intron_variant 3_prime_utr_intron_variant intragenic_variant "
        "nmd_transcript_variant non_coding_transcript_variant upstream_gene_variant "
        "coding_transcript_variant coding_transcript_intron_variant intergenic_variant "
        "non_coding_transcript_intron_variant downstream_gene_variant tfbs_ablation "
        "tfbs_amplification tf_binding_site_variant regulatory_region_ablation "
        "regulatory_region_amplification regulatory_region_variant sequence_variant "
        "structural_variant "
    ),
}
EFFECTS: dict[str, Impact] = {
    term: impact for impact, terms in _TERMS.items() for term in terms.split()
}
"""Terms of the Sequence Ontology and their impact, after Ensembl's table and, for terms that are
Jannovar's or SnpEff's alone, after its neighbour there. In small letters."""
_RANK = {impact: rank for rank, impact in enumerate(IMPACTS)}
_ANN_COLUMNS = 16
_FORMAT = re.compile(r"Format:\s*\"?([^\">]+)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Consequence:
    """What a variant does to one transcript. `gene_id`: Ensembl's, Entrez's or a symbol, whatever
    the annotator uses; `hgnc_id`: where VEP gives it. `impact`: None for effects that are not
    known. `cadd`, `frequency`: as VEP's plugins give them; None where they do not.
    """

    effects: tuple[str, ...]
    impact: Impact | None
    symbol: str
    gene_id: str = ""
    hgnc_id: str = ""
    transcript: str = ""
    hgvs: str = ""
    cadd: float | None = None
    frequency: float | None = None


Reader: TypeAlias = Callable[[str, str, Sequence[str], int], list[Consequence]]
"""The consequences of one alternate allele: of a field's text, the reference allele, all alternate
alleles, and the place of the one that is meant."""


def impact_of(effects: Sequence[str], given: str = "") -> Impact | None:
    """The most severe impact of effects; that which the annotator gives, where none is known."""
    known = [EFFECTS[effect.lower()] for effect in effects if effect.lower() in EFFECTS]
    if known:
        return min(known, key=_RANK.__getitem__)
    return next((impact for impact in IMPACTS if impact == given.lower()), None)


def is_at_least(impact: Impact, least: Impact) -> bool:
    """Whether an impact is as severe as another, or more."""
    return _RANK[impact] <= _RANK[least]


def ann_reader() -> Reader:
    """Reads ANN, whose columns are the same for all annotators (Cingolani et al. 2015)."""

    def read(text: str, _: str, alts: Sequence[str], place: int) -> list[Consequence]:
        found = []
        for entry in text.split(","):
            cells = entry.split("|")
            if len(cells) < 4 or cells[0] != alts[place]:
                continue
            cells += [""] * (_ANN_COLUMNS - len(cells))
            effects = tuple(cells[1].split("&"))
            hgvs = ":".join(part for part in (cells[6], cells[9], unquote(cells[10])) if part)
            found.append(
                Consequence(
                    effects, impact_of(effects, cells[2]), cells[3], cells[4], "", cells[6], hgvs
                )
            )
        return found

    return read


def csq_reader(description: str) -> Reader:
    """Reads CSQ by the columns that its header line describes. Raises `UsageError` for one that
    does not describe them.
    """
    match = _FORMAT.search(description)
    names = [name.strip() for name in match[1].split("|")] if match else []
    places = {name.lower(): place for place, name in enumerate(names)}
    for needed in ("Allele", "Consequence", "SYMBOL"):
        if needed.lower() not in places:
            raise UsageError(
                f"The header describes the field CSQ without the column {needed}.",
                "Run VEP with --vcf --symbol, and keep its header line of CSQ.",
            )
    cadd = [place for name, place in places.items() if is_cadd(name)]
    frequencies = [
        place for name, place in places.items() if is_frequency(name) or name in ("af", "max_af")
    ]

    def read(text: str, ref: str, alts: Sequence[str], place: int) -> list[Consequence]:
        allele, number = _vep_alleles(ref, alts)[place], str(place + 1)
        found = []
        for entry in text.split(","):
            cells = entry.split("|")
            cells += [""] * (len(names) - len(cells))

            def cell(name: str, cells: list[str] = cells) -> str:
                return cells[places[name]] if name in places else ""

            numbered = cell("allele_num")
            if (numbered != number) if numbered else (cell("allele") != allele):
                continue
            effects = tuple(cell("consequence").split("&"))
            hgvs = [cell("hgvsc") or cell("feature"), unquote(cell("hgvsp").rpartition(":")[2])]
            found.append(
                Consequence(
                    effects,
                    impact_of(effects, cell("impact")),
                    cell("symbol"),
                    cell("gene"),
                    cell("hgnc_id"),
                    cell("feature"),
                    ":".join(part for part in hgvs if part),
                    best_number(cells[one] for one in cadd),
                    best_number(cells[one] for one in frequencies),
                )
            )
        return found

    return read


def _vep_alleles(ref: str, alts: Sequence[str]) -> list[str]:
    """Alternate alleles as VEP writes them: without the first base where lengths differ and all
    have it, and `-` for nothing.
    """
    plain = [alt for alt in alts if alt != "*" and not alt.startswith("<")]
    differ = any(len(alt) != len(ref) for alt in plain)
    if not differ or any(alt[:1] != ref[:1] for alt in plain):
        return list(alts)
    return [(alt[1:] or "-") if alt in plain else alt for alt in alts]
