"""Patients of the gallery as phenopackets, version 2: one JSON file each, without a photo in it."""

from __future__ import annotations

import json
import mimetypes
import re
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any
from urllib.parse import quote

from sqlalchemy.orm import Session

from gestalt_space.ages import age_text
from gestalt_space.atomic_files import write_private
from gestalt_space.gallery.archives.exporting import noted_export
from gestalt_space.home import Gallery
from gestalt_space.phenotype.ontology import Ontology
from gestalt_space.store import reads
from gestalt_space.store.exports import Exported
from gestalt_space.store.reads import PatientRecord, PhotoDetail

SCHEMA_VERSION = "2.0.2"
CREATED_BY = "gestalt-space"
GENES = "hgnc.symbol"
"""The prefix of approved symbols as identifiers."""
_SEXES = {"female": "FEMALE", "male": "MALE", "other": "OTHER_SEX"}
_RESOURCES: Mapping[str, tuple[str, str, str]] = {
    "HP": (
        "human phenotype ontology",
        "http://purl.obolibrary.org/obo/hp.owl",
        "http://purl.obolibrary.org/obo/HP_",
    ),
    "OMIM": (
        "An Online Catalog of Human Genes and Genetic Disorders",
        "https://www.omim.org",
        "https://www.omim.org/entry/",
    ),
    "ORPHA": (
        "Orphanet",
        "https://www.orpha.net",
        "http://www.orpha.net/ORDO/Orphanet_",
    ),
    "MONDO": (
        "Mondo Disease Ontology",
        "http://purl.obolibrary.org/obo/mondo.owl",
        "http://purl.obolibrary.org/obo/MONDO_",
    ),
    GENES: (
        "Approved gene symbols of HGNC",
        "https://www.genenames.org",
        "https://identifiers.org/hgnc.symbol:",
    ),
}
"""Name, address and beginning of addresses of the prefixes that identifiers have."""
UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class ExportedPhenopackets:
    """Phenopackets that were written. `withdrawn`: patients left out, since their consent is
    withdrawn; `hpo`: the release of HPO that labels are from, None where none is installed;
    `lost`: what phenopackets cannot have, and how many patients or photos have it."""

    folder: Path
    patients: int
    photos: int
    withdrawn: int
    hpo: str | None
    lost: Mapping[str, int]


def export_phenopackets(
    gallery: Gallery,
    folder: Path,
    *,
    patients: Collection[str] = (),
    cohorts: Collection[str] = (),
    ontology: Ontology | None = None,
    progress: Callable[[int, int], object] = lambda _done, _whole: None,
) -> ExportedPhenopackets:
    """Write patients as `000001.json` and so on into a new folder, by identifier; all, where
    neither patients nor cohorts are named. Labels of HPO terms are those of `ontology`.

    Photos are named with their hashes, and neither copied nor written into the files. Raises as
    `export_gallery` does.
    """
    created = datetime.now(UTC).replace(microsecond=0)

    def write(session: Session, aside: Path, chosen: Sequence[Exported]) -> _Counts:
        counts = _Counts(Counter())
        for number, one in enumerate(chosen, start=1):
            record = reads.patient_detail(session, one.patient)
            packet = phenopacket(record, ontology, created)
            text = json.dumps(packet, indent=1, ensure_ascii=False) + "\n"
            write_private(aside / f"{number:06d}.json", text.encode())
            counts.lost.update(lost_of(record, ontology))
            counts.photos += len(record.photos)
            progress(number, len(chosen))
        return counts

    counts, choice = noted_export(
        gallery.database, gallery.settings, folder, patients, cohorts, write
    )
    return ExportedPhenopackets(
        folder=folder,
        patients=len(choice.patients),
        photos=counts.photos,
        withdrawn=choice.withdrawn,
        hpo=ontology.release if ontology else None,
        lost=dict(sorted(counts.lost.items())),
    )


@dataclass(slots=True)
class _Counts:
    """What is counted while phenopackets are written."""

    lost: Counter[str]
    photos: int = 0


def phenopacket(
    record: PatientRecord, ontology: Ontology | None, created: datetime
) -> dict[str, Any]:
    """A patient as a phenopacket of version 2, in the JSON form of protobuf."""
    ages = [photo.age for photo in record.photos if photo.age is not None]
    subject: dict[str, Any] = {
        "id": record.patient,
        "sex": _SEXES.get(record.sex or "", "UNKNOWN_SEX"),
    }
    if ages:
        subject["timeAtLastEncounter"] = {"age": {"iso8601duration": duration_of(max(ages))}}
    diseases = [{"id": id_, "label": name or id_} for id_, name in record.disorders]
    terms = [(term, False) for term in record.hpo] + [(term, True) for term in record.hpo_absent]
    packet: dict[str, Any] = {
        "id": record.patient,
        "subject": subject,
        "phenotypicFeatures": [
            {
                "type": {"id": term, "label": _label(term, ontology)},
                **({"excluded": True} if is_excluded else {}),
            }
            for term, is_excluded in terms
        ],
        "interpretations": list(_interpretations(record, diseases)),
        "diseases": [{"term": term} for term in diseases],
        "files": [_file(record, photo) for photo in record.photos],
    }
    packet = {name: value for name, value in packet.items() if value}
    packet["metaData"] = {
        "created": created.isoformat().replace("+00:00", "Z"),
        "createdBy": f"{CREATED_BY} {version(CREATED_BY)}",
        "resources": list(_resources(record, ontology)),
        "phenopacketSchemaVersion": SCHEMA_VERSION,
    }
    return packet


def duration_of(years: float) -> str:
    """An age as a duration of ISO 8601, to the day: 4.5 is `P4Y6M`."""
    return "P" + age_text(years).upper()


def lost_of(record: PatientRecord, ontology: Ontology | None = None) -> Iterator[str]:
    """What of a patient does not fit into a phenopacket, each once for each patient or photo."""
    for name in ("ancestry", "cohort", "family"):
        if getattr(record, name) is not None:
            yield name
    if record.genes and len(record.disorders) != 1:
        yield "genes of a patient with no disorder or several"
    if ontology is None:
        yield from ("label of a term (HPO is not installed)",) * len(
            (*record.hpo, *record.hpo_absent)
        )
    yield from ("aligned face and descriptors of a photo",) * len(record.photos)
    if record.consent is None:
        yield "consent, which is not stated"


def _label(term: str, ontology: Ontology | None) -> str:
    place = ontology.resolve(term).place if ontology is not None else None
    return term if ontology is None or place is None else ontology.names[place]


def _interpretations(
    record: PatientRecord, diseases: Sequence[Mapping[str, str]]
) -> Iterator[dict[str, Any]]:
    """Which of several disorders a gene causes is not known: then nothing is claimed."""
    if len(diseases) != 1 or not record.genes:
        return
    genes = [
        {
            "subjectOrBiosampleId": record.patient,
            "interpretationStatus": "CAUSATIVE",
            "gene": {"valueId": f"{GENES}:{symbol}", "symbol": symbol},
        }
        for symbol in record.genes
    ]
    yield {
        "id": f"{record.patient}-diagnosis",
        "progressStatus": "SOLVED",
        "diagnosis": {"disease": diseases[0], "genomicInterpretations": genes},
    }


def _file(record: PatientRecord, photo: PhotoDetail) -> dict[str, Any]:
    attributes = {
        "sha256": photo.sha256,
        "mimeType": mimetypes.guess_type(photo.name)[0] or "image/jpeg",
        "description": "Photo of the face",
        "age": None if photo.age is None else duration_of(photo.age),
        "site": photo.site,
        "consent": record.consent,
        "face": str(photo.face) if photo.faces > 1 else None,
    }
    return {
        "uri": quote(photo.name),
        "individualToFileIdentifiers": {record.patient: photo.name},
        "fileAttributes": {name: value for name, value in attributes.items() if value is not None},
    }


def _resources(record: PatientRecord, ontology: Ontology | None) -> Iterator[dict[str, str]]:
    """The catalogues that identifiers are from; those that are not known by their prefix alone."""
    used = ["HP"] if record.hpo or record.hpo_absent else []
    used += [id_.split(":")[0] for id_, _ in record.disorders if re.match(r"[\w.]+:", id_)]
    used += [GENES] if record.genes and len(record.disorders) == 1 else []
    for prefix in dict.fromkeys(used):
        name, url, iri = _RESOURCES.get(prefix, (prefix, UNKNOWN, UNKNOWN))
        version = ontology.release if prefix == "HP" and ontology else UNKNOWN
        yield {
            "id": prefix.lower(),
            "name": name,
            "url": url,
            "version": version,
            "namespacePrefix": prefix,
            "iriPrefix": iri,
        }
