"""`gestalt phenotype similar`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from . import options, output
from .opening import opened
from .phenotype_output import write_terms

if TYPE_CHECKING:
    from gestalt_space.phenotype.ontology import Ontology
    from gestalt_space.phenotype.query import Query
    from gestalt_space.store.reads import PatientRecord


def similar(
    patient: Annotated[
        str | None,
        typer.Option(
            "--patient",
            help="A patient of the gallery, who is not ranked, nor is the family.",
            show_default=False,
        ),
    ] = None,
    hpo: Annotated[
        list[str],
        typer.Option(
            "--hpo",
            help="HPO terms by identifier or name, separated by commas. Repeatable.",
            show_default=False,
        ),
    ] = [],  # noqa: B006 - Typer copies it
    phenopacket: Annotated[
        Path | None,
        typer.Option(
            "--phenopacket", help="A phenopacket of version 2, as JSON.", show_default=False
        ),
    ] = None,
    measure: Annotated[
        str, typer.Option("--measure", help="resnik, lin or jiang-conrath.")
    ] = "resnik",
    top: Annotated[int, typer.Option("--top", min=1, help="Number of patients.")] = 10,
    hpo_release: options.HpoRelease = None,
    home: options.Home = None,
    as_json: options.Json = False,
    csv: options.Csv = None,
    quiet: options.Quiet = False,
) -> None:
    """Find the patients of the gallery whose HPO terms are most like those of another one.

    Two patients are compared by the best-match average of their terms. Terms that were looked for
    and not found do not count. Patients who have withdrawn their consent are not ranked.
    """
    from gestalt_space.documents.similar_patients import (
        similar_patients_document,
        similar_patients_table,
    )
    from gestalt_space.phenotype.release import open_release
    from gestalt_space.phenotype.similar_patients import similar_patients
    from gestalt_space.types import WITHDRAWN

    output.check_csv(csv, as_json=as_json)
    _check_sources(patient, hpo, phenopacket)
    release = open_release(hpo_release)
    with opened(home) as gallery:
        own = None if patient is None else gallery.patient(patient)
        query = _query(release.ontology, own, hpo, phenopacket)
        everybody = {one.patient: one for one in gallery.patients()}
        terms = {
            name: present
            for name, present in gallery.present_terms().items()
            if everybody[name].consent != WITHDRAWN
            and (own is None or not _is_kin(name, everybody[name].family, own))
        }
    found = similar_patients(release, query, terms, top, measure)  # type: ignore[arg-type]  # checked there
    disorders = {one.patient: everybody[one.patient].disorders for one in found.patients}
    if as_json:
        output.write_json(
            similar_patients_document(
                found,
                query,
                disorders,
                release=release.ontology.release,
                measure=measure,
                left_out=None if own is None else own.patient,
            )
        )
        return
    if csv is None:
        write_terms(query)
    output.write_table(similar_patients_table(found, disorders), csv)
    if csv is None and not quiet:
        output.write_text(
            f"{found.ranked:,} patients with terms, HPO of {release.ontology.release}.",
            style="dim",
        )
        output.write_text(output.DISCLAIMER, style="dim")


def _check_sources(patient: str | None, hpo: list[str], phenopacket: Path | None) -> None:
    from gestalt_space.errors import UsageError

    if sum([patient is not None, bool(hpo), phenopacket is not None]) != 1:
        raise UsageError(
            "One source of terms is needed, and one alone.",
            "Use --patient, --hpo or --phenopacket.",
        )


def _is_kin(name: str, family: str | None, own: PatientRecord) -> bool:
    return name == own.patient or (own.family is not None and family == own.family)


def _query(
    ontology: Ontology, own: PatientRecord | None, hpo: list[str], phenopacket: Path | None
) -> Query:
    """The terms of whichever source was given."""
    from gestalt_space.errors import UsageError
    from gestalt_space.interop.phenopackets import read_phenopackets
    from gestalt_space.paths import display_name
    from gestalt_space.phenotype.query import make_query, parse_query, split_terms
    from gestalt_space.store.consent import withdrawn_error
    from gestalt_space.types import WITHDRAWN

    if own is not None:
        if own.consent == WITHDRAWN:
            raise withdrawn_error(own.patient)
        return make_query(ontology, own.hpo, own.hpo_absent)
    if phenopacket is not None:
        file, *others = read_phenopackets(phenopacket)
        if others:
            raise UsageError(
                f"{display_name(phenopacket)} has several phenopackets.", "Give the file of one."
            )
        if file.packet is None:
            raise file.error or UsageError("The phenopacket cannot be read.", "")
        return make_query(ontology, file.packet.present, file.packet.excluded)
    return parse_query(ontology, [one for text in hpo for one in split_terms(text, ontology)])
