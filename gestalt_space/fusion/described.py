"""What is known of a patient beside the photo: terms, sex and age."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from gestalt_space.ages import age_text
from gestalt_space.counts import counted_text
from gestalt_space.errors import PhenotypeError, UsageError
from gestalt_space.interop.case_table import case_of_terms
from gestalt_space.interop.phenopackets import Phenopacket, read_phenopackets
from gestalt_space.paths import display_name
from gestalt_space.phenotype.ontology import Ontology
from gestalt_space.phenotype.query import Query, make_query
from gestalt_space.store.reads import PatientRecord

_SAME_AGE = 0.1
"""Years: a phenopacket's age is written in years and months."""


@dataclass(frozen=True, slots=True)
class Described:
    """A patient. `query`: None where no terms were given; `age` in years. `notes`: what a user
    should know, in sentences."""

    query: Query | None
    sex: str | None
    age: float | None
    notes: tuple[str, ...] = ()


def describe(
    ontology: Ontology,
    hpo: Sequence[str],
    packet: Phenopacket | None,
    sex: str | None,
    age: float | None,
    *,
    stored: PatientRecord | None = None,
) -> Described:
    """The terms of all sources together, those that the gallery has of the patient first; sex and
    age of the phenopacket where they are not given.

    Raises `PhenotypeError` where no term is present.
    """
    is_told = bool(hpo) or packet is not None
    if not is_told and (stored is None or not stored.hpo):
        return Described(None, sex, age)
    given = case_of_terms("terms", hpo, ontology)
    present, excluded = [*given.present], [*given.excluded]
    notes: list[str] = []
    if stored is not None and (count := len(stored.hpo) + len(stored.hpo_absent)):
        present, excluded = [*stored.hpo, *present], [*stored.hpo_absent, *excluded]
        also = " too" if is_told else ""
        are = "is" if count == 1 else "are"
        notes.append(f"{counted_text(count, 'stored term')} of {stored.patient} {are} used{also}.")
    if packet is not None:
        present += packet.present
        excluded += packet.excluded
        notes += [f"Phenopacket: {sentence}" for sentence in packet.not_used]
        notes += _contradictions(packet, sex, age)
        sex, age = sex or packet.sex, packet.age_years if age is None else age
    query = make_query(ontology, present, excluded)
    if not query.present and not is_told:
        return Described(None, sex, age)
    if not query.present:
        raise _nothing_present(query, is_packet=packet is not None)
    return Described(query, sex, age, tuple(notes))


def read_phenopacket(path: Path) -> Phenopacket:
    """The phenopacket of a file. Raises `PhenotypeError` for one that cannot be read, `UsageError`
    for several."""
    files = list(read_phenopackets(path))
    if len(files) > 1:
        raise UsageError(
            f"{display_name(path)} has {len(files)} phenopackets.",
            "A photo is of one patient: name one file.",
        )
    (file,) = files
    if file.packet is None:
        error = file.error
        assert error is not None, "a file has a phenopacket or an error"  # noqa: S101
        raise PhenotypeError(f"{display_name(path)}: {error.message}", error.hint) from error
    return file.packet


def _contradictions(packet: Phenopacket, sex: str | None, age: float | None) -> Iterator[str]:
    if sex is not None and packet.sex not in (None, sex):
        yield f"The phenopacket says {packet.sex}, but {sex} was given: {sex} is used."
    if age is not None and packet.age_years is not None and abs(age - packet.age_years) > _SAME_AGE:
        yield (
            f"The phenopacket says {age_text(packet.age_years)}, but {age_text(age)} was given: "
            f"{age_text(age)} is used."
        )


def _nothing_present(query: Query, *, is_packet: bool) -> PhenotypeError:
    ignored: Iterable[str] = (one.given for one in query.ignored)
    if names := ", ".join(ignored):
        return PhenotypeError(
            f"No term can be used: {names}.",
            "Search for terms: `gestalt phenotype search`.",
        )
    where = " in the phenopacket" if is_packet else ""
    return PhenotypeError(
        f"There is no term that is present{where}.",
        "Give at least one phenotype that the patient has: --hpo HP:…",
    )
