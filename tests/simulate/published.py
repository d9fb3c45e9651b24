"""A small release of HPO with facial terms, and phenopackets of cases that nobody published."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from gestalt_space.interop.phenopackets import PhenopacketFile, parse_phenopacket
from gestalt_space.phenotype.annotation_files import DISORDERS, GENES
from gestalt_space.phenotype.obo import parse_obo
from gestalt_space.phenotype.release import OBO
from tests.phenotype.made import GENES_TEXT, HPOA

TERMS = (
    ("HP:0000001", "All", None),
    ("HP:0000118", "Phenotypic abnormality", "HP:0000001"),
    ("HP:0001250", "Seizure", "HP:0000118"),
    ("HP:0000271", "Abnormality of the face", "HP:0000118"),
    ("HP:0000316", "Hypertelorism", "HP:0000271"),
    ("HP:0000601", "Hypotelorism", "HP:0000271"),
    ("HP:0000508", "Ptosis", "HP:0000271"),
    ("HP:0001488", "Bilateral ptosis", "HP:0000508"),
    ("HP:0007970", "Congenital ptosis", "HP:0000508"),
    ("HP:0007687", "Unilateral ptosis", "HP:0000508"),
    ("HP:0005280", "Depressed nasal bridge", "HP:0000271"),
    ("HP:0000431", "Wide nasal bridge", "HP:0000271"),
    ("HP:0000219", "Thin upper lip vermilion", "HP:0000271"),
    ("HP:0000218", "High palate", "HP:0000271"),
)
TEXT = "format-version: 1.2\ndata-version: hp/releases/2025-01-16\n" + "".join(
    f"\n[Term]\nid: {id_}\nname: {name}\n" + (f"is_a: {parent}\n" if parent else "")
    for id_, name, parent in TERMS
)
ONTOLOGY = parse_obo(TEXT)
SHOWN = ("HP:0000316", "HP:0001488")


def write_faces_release(folder: Path) -> Path:
    """The release as files in a folder."""
    folder.mkdir()
    (folder / OBO).write_text(TEXT)
    (folder / DISORDERS).write_text(HPOA)
    (folder / GENES).write_text(GENES_TEXT)
    return folder


def case(
    id_: str = "C1",
    present: tuple[str, ...] = SHOWN,
    excluded: tuple[str, ...] = (),
    *,
    disorder: str = "OMIM:147920",
    gene: str | None = "AAA1",
    sex: str = "FEMALE",
    age: str | None = "P4Y",
    **changes: Any,
) -> dict[str, Any]:
    """A phenopacket of a patient who does not exist."""
    term = {"id": disorder, "label": f"Disorder {disorder}"}
    found = {
        "interpretationStatus": "CAUSATIVE",
        "variantInterpretation": {"variationDescriptor": {"geneContext": {"symbol": gene}}},
    }
    diagnosis = {"disease": term, "genomicInterpretations": [found] if gene else []}
    subject: dict[str, Any] = {"id": "the name on the chart", "sex": sex}
    if age is not None:
        subject["timeAtLastEncounter"] = {"age": {"iso8601duration": age}}
    return {
        "id": id_,
        "subject": subject,
        "phenotypicFeatures": [
            *({"type": {"id": one}} for one in present),
            *({"type": {"id": one}, "excluded": True} for one in excluded),
        ],
        "diseases": [{"term": term}],
        "interpretations": [{"id": "i", "diagnosis": diagnosis}],
        "metaData": {"phenopacketSchemaVersion": "2.0"},
        **changes,
    }


def file(record: dict[str, Any]) -> PhenopacketFile:
    """A phenopacket as it is read."""
    return PhenopacketFile(str(record["id"]), parse_phenopacket(json.dumps(record).encode()))


def write_packets(folder: Path, *records: dict[str, Any]) -> Path:
    """Phenopackets as files in a folder."""
    folder.mkdir()
    for number, record in enumerate(records):
        (folder / f"{number}.json").write_text(json.dumps(record))
    return folder


def write_annotated_release(folder: Path) -> Path:
    """The release, with annotations of two disorders whose faces can be simulated."""
    write_faces_release(folder)
    terms = ("HP:0000316", "HP:0000508", "HP:0005280", "HP:0000219")
    names = {"OMIM:147920": "Kabuki syndrome 1", "OMIM:122470": "Cornelia de Lange syndrome 1"}
    rows = [
        "\t".join((id_, name, "", term, "PMID:1", "PCS", "", "9/10", "", "", "P", "HPO:1"))
        for id_, name in names.items()
        for term in terms
    ]
    header = [line for line in HPOA.splitlines() if line.startswith(("#", "database_id"))]
    (folder / DISORDERS).write_text("\n".join((*header, *rows)) + "\n")
    header = GENES_TEXT.splitlines()[:1]
    genes = [
        f"{number}\t{symbol}\t{terms[0]}\tHypertelorism\t-\t{id_}"
        for number, (id_, symbol) in enumerate(zip(names, ("KMT2D", "NIPBL"), strict=True), 1)
    ]
    (folder / GENES).write_text("\n".join((*header, *genes)) + "\n")
    return folder
