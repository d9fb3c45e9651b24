"""Fused rankings as documents and tables."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Literal, cast

from gestalt_space.documents.form import filled
from gestalt_space.documents.fused import (
    FusedDisorderForm,
    FusedExomeFileForm,
    FusedExomeForm,
    FusedForm,
    FusedGeneForm,
    FusedLineForm,
    FusedPartsForm,
    FusedPhotoForm,
    FusedTermForm,
    FusedTermsForm,
)
from gestalt_space.documents.phenotype_ranking import query_terms_form
from gestalt_space.fusion.answer import FusedAnswer
from gestalt_space.fusion.fused import FusedLine, Parts
from gestalt_space.fusion.parts import PARTS, ExomePart, PhotoPart, TermShare, TermsPart
from gestalt_space.paths import display_name
from gestalt_space.tables.table import Column, Table

FUSED_COLUMNS = (
    Column("rank", "integer"),
    Column("id"),
    Column("name"),
    Column("log10_ratio", "number"),
    *(Column(name, "number") for name in PARTS),
    Column("others", "number"),
    Column("lower", "number"),
    *(Column(f"rank_without_{name}", "integer") for name in PARTS),
    Column("no_ratio"),
    *(Column(f"{name}_note") for name in PARTS),
    *(Column("tied", "integer"), Column("gene"), Column("disorder")),
)


def fused_form(answer: FusedAnswer, by: Literal["disorder", "gene"]) -> FusedForm:
    """The fused part of a match."""
    release, patient = answer.release, answer.patient
    return {
        "version": 1,
        "by": by,
        "hpo": {
            "release": release.ontology.release,
            "annotations": release.annotations.release,
        },
        "sex": patient.sex,
        "age": patient.age,
        "terms": None if patient.query is None else query_terms_form(patient.query),
        "exome": _exome_form(answer),
        "assumptions": list(answer.assumptions),
        "notes": list(patient.notes),
        "ranked_disorders": answer.disorders.ranked,
        "ranked_genes": answer.genes.ranked,
        "disorders": [
            cast(FusedDisorderForm, {**_line_form(line), "gene": line.gene or None})
            for line in answer.disorders.lines
        ],
        "genes": [
            cast(
                FusedGeneForm,
                {
                    **_line_form(line),
                    "disorder": line.disorder or None,
                    "disorder_name": line.disorder_name or None,
                },
            )
            for line in answer.genes.lines
        ],
    }


def fused_table(lines: Iterable[FusedLine]) -> Table:
    """A row for each line. `…_note`: why a part has no evidence, or what it lacks."""
    return Table(
        FUSED_COLUMNS,
        (
            (
                *(line.rank, line.id, line.name, line.log10_ratio),
                *(line.parts[n].log10_ratio if n in line.parts else None for n in PARTS),
                line.others,
                line.lower,
                *(line.rank_without.get(name) for name in PARTS),
                line.no_ratio,
                *(line.parts[name].why if name in line.parts else None for name in PARTS),
                *(line.tied, line.gene or None, line.disorder or None),
            )
            for line in lines
        ),
    )


def _line_form(line: FusedLine) -> FusedLineForm:
    return filled(
        FusedLineForm,
        line,
        parts=_parts_form(line.parts),
        rank_without=dict(line.rank_without),
    )


def _parts_form(parts: Parts) -> FusedPartsForm:
    found: dict[str, Any] = {}
    for name, part in parts.items():
        if isinstance(part, PhotoPart):
            similarity = None if part.similarity is None else round(part.similarity, 4)
            found[name] = filled(
                FusedPhotoForm, part, withheld=part.is_withheld, similarity=similarity
            )
        elif isinstance(part, ExomePart):
            found[name] = filled(FusedExomeForm, part)
        elif isinstance(part, TermsPart):
            found[name] = filled(
                FusedTermsForm, part, evidence=[_term_form(one) for one in part.shares]
            )
    return cast(FusedPartsForm, found)


def _term_form(share: TermShare) -> FusedTermForm:
    evidence = share.evidence
    ratio = round(evidence.log10_ratio, 5)  # of a gene it is a mean of two
    return filled(FusedTermForm, evidence, adds=share.adds, log10_ratio=ratio)


def _exome_form(answer: FusedAnswer) -> FusedExomeFileForm | None:
    exome, evidence = answer.exome, answer.evidence
    if exome is None or evidence is None:
        return None
    header = exome.header
    return {
        "file": display_name(header.name),
        "sample": header.sample,
        "build": header.build,
        "variants": exome.total,
        "genes": len(exome.genes),
        "genes_not_in_hpo": len(evidence.unknown),
        "is_exome": evidence.is_exome,
        "notes": list(answer.exome_notes),
    }
