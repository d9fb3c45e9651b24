"""What a row tells of a patient beside what the gallery has: added where it is new, replaced where
that was asked for, and otherwise named."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field

import sqlalchemy as sa
from sqlalchemy.orm import Session, selectinload

from gestalt_space.store import tables as t
from gestalt_space.store.chunks import chunks
from gestalt_space.types import WITHDRAWN, PhotoRecord

SINGLE_FACTS = ("sex", "ancestry", "cohort", "consent", "family")
NOTHING = "(empty)"


@dataclass(frozen=True, slots=True)
class CommandFacts:
    """The lists that all rows of one command tell of a patient together: disorders, genes, and HPO
    terms, present or absent. Facts of one patient often stand in several rows."""

    disorders: frozenset[str] = frozenset()
    genes: frozenset[str] = frozenset()
    terms: frozenset[str] = frozenset()
    withdrawn: bool = False
    """Whether a row says that the patient's consent is withdrawn."""

    @classmethod
    def of(cls, records: Iterable[PhotoRecord]) -> CommandFacts:
        """What records of one patient tell."""
        records = list(records)
        return cls(
            frozenset(disorder.id for one in records for disorder in one.disorders),
            frozenset(gene for one in records for gene in one.genes),
            frozenset(term for one in records for term in (*one.hpo, *one.hpo_absent)),
            any(one.consent == WITHDRAWN for one in records),
        )


@dataclass(frozen=True, slots=True)
class Differences:
    """How a row differs from the gallery, each as people read it.

    `contradicts`: `sex: male → female`. `adds`: `disorder OMIM:1`. `lacks`: what the gallery has
    beside what the row tells, and a row may well leave out.
    """

    contradicts: tuple[str, ...] = ()
    adds: tuple[str, ...] = ()
    lacks: tuple[str, ...] = ()


@dataclass
class Catalogue:
    """The disorders and genes that a batch names, and which of their links to undo."""

    disorders: dict[str, t.Disorder]
    genes: dict[str, t.Gene]
    undone: set[tuple[int, int]] = field(default_factory=set)
    """Pairs of a disorder's and a gene's key that a corrected patient no longer has."""
    left: list[t.Disorder | t.Gene] = field(default_factory=list)
    """What a corrected patient no longer has."""


def compare_facts(
    record: PhotoRecord, told: CommandFacts, patient: t.Patient, *, emptied: bool
) -> Differences:
    """How a row differs from what is stored of its patient.

    With `emptied`, facts that the row empties on purpose (`PhotoRecord.emptied`) are differences.
    """
    contradicts, adds, lacks = [], [], []
    gone = _emptied(record, patient) if emptied else ()
    for fact in SINGLE_FACTS:
        old, new = getattr(patient, fact), getattr(record, fact)
        if old is not None and (new not in (None, old) or fact in gone):
            contradicts.append(f"{fact}: {old} → {new or NOTHING}")
        elif new != old and new is not None:
            adds.append(f"{fact} {new}")
    for name, column, have, here, whole in (
        ("disorder", "disorder", _codes(patient), _told_codes(record), told.disorders),
        ("gene", "genes", [gene.symbol for gene in patient.genes], record.genes, told.genes),
    ):
        new_ones, unnamed = _beside(have, here, whole)
        if have and column in gone:
            contradicts.append(f"{name}: {_listed(have)} → {NOTHING}")
        elif new_ones and unnamed:
            contradicts.append(f"{name}: {_listed(have)} → {_listed(whole)}")
        else:
            adds += [f"{name} {one}" for one in new_ones]
            lacks += [f"{name} {one}" for one in unnamed]
    stored = {term.term: term.present for term in patient.phenotypes}
    here_terms = _told_terms(record)
    contradicts += [
        f"HPO: {_signed(term, stored[term])} → {_signed(term, present)}"
        for term, present in here_terms.items()
        if stored.get(term, present) != present
    ]
    if stored and "hpo" in gone:
        listed = _listed(_signed(term, present) for term, present in stored.items())
        contradicts.append(f"HPO: {listed} → {NOTHING}")
    new_ones, unnamed = _beside(list(stored), tuple(here_terms), told.terms)
    adds += [f"HPO {_signed(term, here_terms[term])}" for term in new_ones]
    lacks += [f"HPO {_signed(term, stored[term])}" for term in unnamed]
    return Differences(tuple(contradicts), tuple(adds), tuple(lacks))


def add_facts(
    session: Session, patient: t.Patient, record: PhotoRecord, catalogue: Catalogue
) -> None:
    """Take what a row tells beyond what is known of its patient."""
    for fact in SINGLE_FACTS:
        if getattr(patient, fact) is None:
            setattr(patient, fact, getattr(record, fact))
    genes = [_gene(session, symbol, catalogue) for symbol in record.genes]
    _union(patient.genes, genes)
    have = set(_codes(patient))
    for told in record.disorders:
        disorder = catalogue.disorders.get(told.id)
        if disorder is None:
            disorder = catalogue.disorders[told.id] = t.Disorder(code=told.id, name=told.name)
            session.add(disorder)
        disorder.name = disorder.name or told.name
        _union(disorder.genes, genes)
        if told.id not in have:
            patient.diagnoses.append(t.Diagnosis(disorder=disorder))
            have.add(told.id)
    stored = {term.term for term in patient.phenotypes}
    for term, present in _told_terms(record).items():
        if term not in stored:
            patient.phenotypes.append(t.PhenotypeTerm(term=term, present=present))


def replace_facts(
    session: Session,
    patient: t.Patient,
    record: PhotoRecord,
    told: CommandFacts,
    catalogue: Catalogue,
    *,
    emptied: bool,
) -> None:
    """Let a row's facts take the place of the patient's; what it does not tell stays.

    Of lists that it tells, what no row of the command names goes.
    """
    gone = _emptied(record, patient) if emptied else ()
    for fact in SINGLE_FACTS:
        if fact in gone or getattr(record, fact) is not None:
            setattr(patient, fact, getattr(record, fact))
    linked = {(one.disorder_id, gene.id) for one in patient.diagnoses for gene in patient.genes}
    held = _held(patient)
    if record.disorders or "disorder" in gone:
        patient.diagnoses = [
            one for one in patient.diagnoses if one.disorder.code in told.disorders
        ]
    if record.genes or "genes" in gone:
        patient.genes = [gene for gene in patient.genes if gene.symbol in told.genes]
    terms = _told_terms(record)
    if terms or "hpo" in gone:
        patient.phenotypes = [term for term in patient.phenotypes if term.term in told.terms]
        for term in patient.phenotypes:
            term.present = terms.get(term.term, term.present)
    for name in record.disorders:
        if (known := catalogue.disorders.get(name.id)) is not None:
            known.name = name.name or known.name
    add_facts(session, patient, record, catalogue)
    linked -= {(one.disorder_id, gene.id) for one in patient.diagnoses for gene in patient.genes}
    catalogue.undone |= linked
    still = _held(patient)
    catalogue.left += (one for one in held if one not in still)


def undo_links(session: Session, pairs: Collection[tuple[int, int]]) -> None:
    """Take genes from disorders, by pairs of their keys, where no patient has both any more."""
    for disorder, gene in sorted(pairs):
        held = (
            sa.select(t.Diagnosis.patient_id)
            .join(t.patient_gene, t.patient_gene.c.patient_id == t.Diagnosis.patient_id)
            .where(t.Diagnosis.disorder_id == disorder, t.patient_gene.c.gene_id == gene)
        )
        session.execute(
            sa.delete(t.disorder_gene).where(
                t.disorder_gene.c.disorder_id == disorder,
                t.disorder_gene.c.gene_id == gene,
                ~held.exists(),
            )
        )


def other_names(record: PhotoRecord, catalogue: Catalogue) -> list[tuple[str, str, str]]:
    """Disorders that a row names otherwise than the gallery: code, name there, name in the row."""
    return [
        (told.id, known.name, told.name)
        for told in record.disorders
        if (known := catalogue.disorders.get(told.id)) is not None
        and told.name
        and known.name not in ("", told.name)
    ]


def load_catalogue(session: Session, records: Collection[PhotoRecord]) -> Catalogue:
    """The disorders and genes that records name, as far as the gallery has them."""
    disorders: dict[str, t.Disorder] = {}
    for codes in chunks({disorder.id for record in records for disorder in record.disorders}):
        found = session.scalars(
            sa.select(t.Disorder)
            .where(t.Disorder.code.in_(codes))
            .options(selectinload(t.Disorder.genes))
        )
        disorders.update((disorder.code, disorder) for disorder in found)
    genes: dict[str, t.Gene] = {}
    for symbols in chunks({symbol for record in records for symbol in record.genes}):
        named = session.scalars(sa.select(t.Gene).where(t.Gene.symbol.in_(symbols)))
        genes.update((gene.symbol, gene) for gene in named)
    return Catalogue(disorders, genes)


def _emptied(record: PhotoRecord, patient: t.Patient) -> tuple[str, ...]:
    """What a row empties on purpose. An empty cell gives no consent: one that was withdrawn
    stays."""
    kept = ("consent",) if patient.consent == WITHDRAWN else ()
    return tuple(one for one in record.emptied if one not in kept)


def _beside(
    have: Sequence[str], here: Sequence[str], whole: Collection[str]
) -> tuple[list[str], list[str]]:
    """What a row tells beyond what is stored; and what is stored and no row names, where the row
    tells anything."""
    unnamed = [one for one in have if one not in whole] if here else []
    return [one for one in here if one not in have], unnamed


def _held(patient: t.Patient) -> list[t.Disorder | t.Gene]:
    return [*(one.disorder for one in patient.diagnoses), *patient.genes]


def _codes(patient: t.Patient) -> list[str]:
    return [diagnosis.disorder.code for diagnosis in patient.diagnoses]


def _told_codes(record: PhotoRecord) -> tuple[str, ...]:
    return tuple(disorder.id for disorder in record.disorders)


def _told_terms(record: PhotoRecord) -> dict[str, bool]:
    return {**dict.fromkeys(record.hpo, True), **dict.fromkeys(record.hpo_absent, False)}


def _signed(term: str, present: bool) -> str:
    """As in the column `hpo`."""
    return term if present else f"!{term}"


def _listed(values: Iterable[str]) -> str:
    return "; ".join(sorted(values))


def _gene(session: Session, symbol: str, catalogue: Catalogue) -> t.Gene:
    if symbol not in catalogue.genes:
        catalogue.genes[symbol] = t.Gene(symbol=symbol)
        session.add(catalogue.genes[symbol])
    return catalogue.genes[symbol]


def _union(have: list[t.Gene], more: Iterable[t.Gene]) -> None:
    have.extend(gene for gene in more if gene not in have)
