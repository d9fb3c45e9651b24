"""Phenopackets of GA4GH, version 2, as JSON: files, folders and zip files of them.

Only what is used is read; a phenopacket's other fields are left alone.
"""

from __future__ import annotations

import json
import re
import zipfile
import zlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePath, PurePosixPath
from typing import Any

from gestalt_space.ages import DAYS_PER_YEAR
from gestalt_space.errors import GestaltError, PhenotypeError, UsageError
from gestalt_space.gallery.intake.values import OLDEST
from gestalt_space.paths import display_name
from gestalt_space.phenotype.cases import Case
from gestalt_space.phenotype.identifiers import term_id, term_number
from gestalt_space.types import Disorder

MOST_BYTES = 64 * 2**20
"""Largest phenopacket that is read."""
_VERSION_1_FIELDS = ("genes", "variants")
"""Fields of a phenopacket that version 2 does not have."""
_SEXES = {"FEMALE": "female", "MALE": "male", "OTHER_SEX": "other"}
_UNKNOWN_SEX = "UNKNOWN_SEX"
_SHOWN = 40
"""Characters of a value that a message quotes."""
_CAUSES = ("CAUSATIVE", "CONTRIBUTORY")
"""The status of genes and variants that are part of the diagnosis."""
_DURATION = re.compile(
    r"P(?=.)(?:(?P<y>\d+(?:\.\d+)?)Y)?(?:(?P<m>\d+(?:\.\d+)?)M)?(?:(?P<w>\d+(?:\.\d+)?)W)?"
    r"(?:(?P<d>\d+(?:\.\d+)?)D)?(?:T(?:\d+(?:\.\d+)?[HMS])+)?",
    re.ASCII,
)
_UNIT_YEARS = {"y": 1.0, "m": 1 / 12, "w": 7 / DAYS_PER_YEAR, "d": 1 / DAYS_PER_YEAR}
_ZIP = b"PK\x03\x04"
_HINT = "Use phenopackets of version 2, as JSON."


@dataclass(frozen=True, slots=True)
class AttachedFile:
    """A file that a phenopacket names: where it is, and what is said of it, with the names of the
    attributes in lower case."""

    uri: str
    attributes: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Phenopacket:
    """What is read of a phenopacket. `present`, `excluded`: identifiers of HPO terms; `disorders`:
    diseases that are not excluded, each once; `genes`: symbols of the genes that are interpreted as
    their cause; `references`: of publications, such as PMID:…; `sex`: `female`, `male`, `other`, or
    None; `age_years`: since birth, at the last encounter; `hpo`: the release of HPO that it says it
    uses; `files`: those that it names, such as photos; `not_used`: what it says of sex and age that
    cannot be used, in sentences."""

    id: str
    subject: str
    present: tuple[str, ...]
    excluded: tuple[str, ...]
    disorders: tuple[Disorder, ...]
    genes: tuple[str, ...]
    references: tuple[str, ...]
    sex: str | None
    age_years: float | None
    hpo: str | None
    files: tuple[AttachedFile, ...] = ()
    not_used: tuple[str, ...] = ()

    @property
    def hpo_terms(self) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """HPO terms in their one spelling, present and excluded, each once. Terms of other
        ontologies are left out, and what is both is present: it was absent at another time."""
        present = tuple(dict.fromkeys(_hpo_ids(self.present)))
        excluded = dict.fromkeys(_hpo_ids(self.excluded))
        return present, tuple(term for term in excluded if term not in present)


@dataclass(frozen=True, slots=True)
class PhenopacketFile:
    """A file, by its name without ending, and what it holds or why it is not read. The name has the
    folder where another file has the same one. `folder`: where it lies; of one in a zip file, where
    that lies. `path`: as it is shown, within the folder or zip file that was read."""

    name: str
    packet: Phenopacket | None
    error: GestaltError | None = None
    folder: Path = Path()
    path: str = ""

    @property
    def case(self) -> Case:
        """The case that it describes, by the phenopacket's identifier."""
        if self.packet is None:
            return Case(self.name, error=self.error)
        return Case(self.packet.id or self.name, self.packet.present, self.packet.excluded)


def read_phenopackets(source: Path) -> Iterator[PhenopacketFile]:
    """The phenopackets of a file, of a folder with all in it, or of a zip file, by name.

    Files whose names do not end in `.json` are passed over. Raises `UsageError` where there is
    none; a file that cannot be read is an error of its own.
    """
    if source.is_dir():
        paths = sorted(path for path in source.rglob("*.json") if path.is_file())
        _require(paths, source)
        inner = [PurePosixPath(path.relative_to(source).as_posix()) for path in paths]
        for name, path, shown in zip(_names(inner), paths, inner, strict=True):
            yield _read(name, path, shown)
    elif zipfile.is_zipfile(source):
        yield from _read_zip(source)
    elif source.is_file():
        if _begins_as_zip(source):
            raise UsageError(
                f"{display_name(source)} is a damaged zip file: its end is missing.",
                "Copy or download it again.",
            )
        yield _read(source.stem, source, source)
    else:
        raise UsageError(f"There is no file or folder {display_name(source)}.", "Check the path.")


def named_cases(files: Iterable[PhenopacketFile]) -> tuple[list[Case], tuple[str, ...]]:
    """The cases of files, each with a name of its own, and the identifiers that several have: those
    cases are named with their files, too."""
    found = list(files)
    counts = Counter(file.case.name for file in found)
    cases = [
        file.case
        if counts[file.case.name] == 1
        else replace(file.case, name=f"{file.case.name} ({file.path})")
        for file in found
    ]
    return cases, tuple(name for name, count in counts.items() if count > 1)


def parse_phenopacket(data: bytes) -> Phenopacket:
    """A phenopacket from the bytes of its JSON. Raises `PhenotypeError`."""
    try:
        record = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise PhenotypeError("The file is not JSON.", _HINT) from error
    if not isinstance(record, dict):
        raise PhenotypeError("The file is JSON, but not a phenopacket.", _HINT)
    if "proband" in record or "members" in record:
        raise PhenotypeError(
            "The file is a family or cohort, not one phenopacket.",
            "Give each patient's phenopacket a file of its own.",
        )
    try:
        return _packet(record)
    except (AttributeError, KeyError, TypeError) as error:
        raise PhenotypeError("The file is JSON, but not a phenopacket.", _HINT) from error


def _packet(record: Mapping[str, Any]) -> Phenopacket:
    meta = _field(record, "metaData") or {}
    features = _field(record, "phenotypicFeatures") or ()
    _check_version(record, meta, features)
    if not features and "subject" not in record and "id" not in record:
        raise PhenotypeError("The file is JSON, but not a phenopacket.", _HINT)
    present: list[str] = []
    excluded: list[str] = []
    for feature in features:
        (excluded if _is_excluded(feature) else present).append(str(feature["type"]["id"]))
    terms = [
        disease["term"] for disease in record.get("diseases") or () if not _is_excluded(disease)
    ]
    diseases = {str(term["id"]): str(term.get("label") or "") for term in reversed(terms)}
    subject = record.get("subject") or {}
    sex, wrong_sex = _sex(subject)
    age, wrong_age = _age(subject)
    releases = [
        str(resource.get("version"))
        for resource in meta.get("resources") or ()
        if str(_field(resource, "namespacePrefix")).upper() == "HP"
    ]
    return Phenopacket(
        id=str(record.get("id") or ""),
        subject=str(subject.get("id") or ""),
        present=tuple(present),
        excluded=tuple(excluded),
        disorders=tuple(Disorder(id_, name) for id_, name in reversed(diseases.items())),
        genes=tuple(dict.fromkeys(_genes(record))),
        references=tuple(
            str(one["id"]) for one in _field(meta, "externalReferences") or () if one.get("id")
        ),
        sex=sex,
        age_years=age,
        hpo=releases[0] if releases else None,
        files=tuple(_files(record)),
        not_used=tuple(filter(None, (wrong_sex, wrong_age))),
    )


def _is_excluded(part: Mapping[str, Any]) -> bool:
    """Whether a term or disease was looked for and not found. Raises `PhenotypeError`: a text such
    as "no" could be read as either."""
    excluded = part.get("excluded")
    if excluded is not None and not isinstance(excluded, bool):
        raise PhenotypeError(
            f"`excluded` of a term or disease is {_quoted(str(excluded))}, not true or false.",
            "Correct the phenopacket.",
        )
    return bool(excluded)


def _field(record: Mapping[str, Any], name: str) -> Any:
    """A field by its name in JSON, else by that of the schema, which JSON of protobuf may have too:
    `metaData` is `meta_data`."""
    return record.get(name, record.get(re.sub("([A-Z])", r"_\1", name).lower()))


def _hpo_ids(terms: Iterable[str]) -> Iterator[str]:
    for term in terms:
        number = term_number(term)
        if number is not None:
            yield term_id(number)


def _files(record: Mapping[str, Any]) -> Iterator[AttachedFile]:
    for file in record.get("files") or ():
        told = _field(file, "fileAttributes") or {}
        attributes = {str(name).lower(): str(value) for name, value in told.items()}
        yield AttachedFile(str(file.get("uri") or ""), attributes)


def _genes(record: Mapping[str, Any]) -> Iterator[str]:
    for interpretation in record.get("interpretations") or ():
        diagnosis = interpretation.get("diagnosis") or {}
        for found in _field(diagnosis, "genomicInterpretations") or ():
            if _field(found, "interpretationStatus") not in _CAUSES:
                continue
            variant = _field(found, "variantInterpretation") or {}
            described = _field(variant, "variationDescriptor") or {}
            gene = found.get("gene") or _field(described, "geneContext") or {}
            if gene.get("symbol"):
                yield str(gene["symbol"])


def _sex(subject: Mapping[str, Any]) -> tuple[str | None, str]:
    """The sex, and what to say of one that cannot be used, else nothing."""
    told = str(subject.get("sex") or _UNKNOWN_SEX)
    sex = _SEXES.get(told)
    if sex is None and told != _UNKNOWN_SEX:
        known = ", ".join((*_SEXES, _UNKNOWN_SEX))
        return None, f"The sex {_quoted(told)} is not used: it is none of {known}."
    return sex, ""


def _age(subject: Mapping[str, Any]) -> tuple[float | None, str]:
    """The age since birth in years, and what to say of one that cannot be used, else nothing."""
    time = _field(subject, "timeAtLastEncounter") or {}
    told = str((time.get("age") or {}).get("iso8601duration") or "")
    if not told:
        kinds = ", ".join(sorted(map(str, time.keys() - {"age"})))
        if kinds:
            return None, f"The age is not used: it is given as {_quoted(kinds)}, not as a duration."
        return None, ""
    years = years_of(told)
    if years is None:
        return None, f"The age {_quoted(told)} is not used: it is no duration such as P4Y6M."
    if years > OLDEST:
        return None, f"The age {_quoted(told)} is not used: nobody is older than {OLDEST:g} years."
    return years, ""


def _quoted(text: str) -> str:
    return repr(display_name(text[:_SHOWN]))


def years_of(duration: str) -> float | None:
    """A duration of ISO 8601 in years: `P4Y6M` is 4.5. None for what is none. Hours are less than a
    day, and count as nothing."""
    found = _DURATION.fullmatch(duration)
    if found is None:
        return None
    return sum(float(found[unit] or 0) * years for unit, years in _UNIT_YEARS.items())


def _check_version(record: Mapping[str, Any], meta: Mapping[str, Any], features: Any) -> None:
    told = str(_field(meta, "phenopacketSchemaVersion") or "")
    is_old = any("negated" in feature for feature in features) or any(
        record.get(name) for name in _VERSION_1_FIELDS
    )
    if told.startswith("1") or (not told and is_old):
        raise PhenotypeError(
            f"This is a phenopacket of version {told or '1'}, and only version 2 is read.",
            "Convert it with phenopacket-tools, or export it again.",
        )
    if told and not told.startswith("2"):
        raise PhenotypeError(
            f"This is a phenopacket of version {display_name(told)}, and only version 2 is read.",
            _HINT,
        )


def _names(paths: Sequence[PurePath]) -> list[str]:
    """Names of files without ending, with the folder where two have the same one."""
    counts = Counter(path.stem for path in paths)
    names = (
        path.stem if counts[path.stem] == 1 else path.with_suffix("").as_posix() for path in paths
    )
    return [display_name(name) for name in names]


def _begins_as_zip(path: Path) -> bool:
    try:
        with path.open("rb") as stream:
            return stream.read(len(_ZIP)) == _ZIP
    except OSError:
        return False


def _read(name: str, path: Path, inner: PurePath) -> PhenopacketFile:
    shown = display_name(inner)
    try:
        if path.stat().st_size > MOST_BYTES:
            raise _too_large()
        packet = parse_phenopacket(path.read_bytes())
        return PhenopacketFile(name, packet, folder=path.parent, path=shown)
    except OSError as error:
        return PhenopacketFile(name, None, _unread(error.strerror or str(error)), path=shown)
    except PhenotypeError as error:
        return PhenopacketFile(name, None, error, path=shown)


def _read_zip(source: Path) -> Iterator[PhenopacketFile]:
    try:
        archive = zipfile.ZipFile(source)
    except (OSError, ValueError, zipfile.BadZipFile) as error:
        raise UsageError(f"{display_name(source)} cannot be read: {error}.", _HINT) from error
    with archive:
        entries = sorted(
            (entry for entry in archive.infolist() if _is_packet(entry.filename)),
            key=lambda entry: entry.filename,
        )
        _require(entries, source)
        names = _names([PurePosixPath(entry.filename) for entry in entries])
        for name, entry in zip(names, entries, strict=True):
            shown = display_name(entry.filename)
            try:
                if entry.file_size > MOST_BYTES:
                    raise _too_large()
                with archive.open(entry) as stream:
                    # The size in the archive's list need not be true.
                    data = stream.read(MOST_BYTES + 1)
                if len(data) > MOST_BYTES:
                    raise _too_large()
                packet = parse_phenopacket(data)
                yield PhenopacketFile(name, packet, folder=source.parent, path=shown)
            except (OSError, RuntimeError, EOFError, zipfile.BadZipFile, zlib.error) as error:
                # RuntimeError: it is encrypted.
                yield PhenopacketFile(name, None, _unread(str(error)), path=shown)
            except PhenotypeError as error:
                yield PhenopacketFile(name, None, error, path=shown)


def _is_packet(name: str) -> bool:
    path = PurePosixPath(name)
    # macOS adds files about files, which bear the same endings.
    return path.suffix.lower() == ".json" and not path.name.startswith("._")


def _require(found: object, source: Path) -> None:
    if not found:
        raise UsageError(
            f"{display_name(source)} has no phenopackets.", "They are files that end in .json."
        )


def _too_large() -> PhenotypeError:
    return PhenotypeError(
        f"The file is larger than {MOST_BYTES // 2**20} MB.", "Phenopackets have some kilobytes."
    )


def _unread(reason: str) -> PhenotypeError:
    return PhenotypeError(f"The file cannot be read: {display_name(reason)}.", "Check the file.")
