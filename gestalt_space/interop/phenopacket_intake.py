"""From phenopackets to photos for the gallery: which may be taken, and what is known of them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath, PureWindowsPath
from urllib.parse import unquote, urlsplit

from gestalt_space.errors import UsageError
from gestalt_space.faces.photos import SUFFIXES
from gestalt_space.gallery.intake import Intake
from gestalt_space.gallery.intake.values import parse_consent
from gestalt_space.interop.phenopackets import (
    AttachedFile,
    Phenopacket,
    PhenopacketFile,
    years_of,
)
from gestalt_space.paths import display_name
from gestalt_space.types import WITHDRAWN, Disorder, PhotoRecord

HASHES = ("sha256", "sha-256")
"""Attributes of a file that may have its hash."""
NO_PHOTO = "no photo"
NO_FILE = "no such file"


@dataclass(frozen=True, slots=True)
class PhenopacketIntake:
    """The photos to be added. `read`: phenopackets that were found; `failed`: those that cannot be
    used, with the reason; `left_out`: photos, and patients without one, by the reason. `not_used`:
    of phenopackets with a sex or age that cannot be used, with a sentence on it."""

    rows: tuple[Intake, ...]
    read: int
    failed: tuple[tuple[str, str], ...]
    left_out: Mapping[str, tuple[str, ...]]
    not_used: tuple[tuple[str, str], ...] = ()

    @property
    def patients(self) -> int:
        """How many have a photo to be added."""
        return len({row.record.patient for row in self.rows if row.record is not None})


def phenopacket_intake(
    files: Iterable[PhenopacketFile],
    *,
    photos: Path | None = None,
    consent: str | None = None,
    prefix: str = "",
) -> PhenopacketIntake:
    """What phenopackets give to the gallery.

    A patient is known by the phenopacket's identifier, after `prefix`: that of the subject need not
    be unique. A photo is taken if the phenopacket names its path, relative to the folder `photos`
    or to its own, and its hash, and consent is stated: there, or as `consent` for all.
    """
    rows: list[Intake] = []
    failed: list[tuple[str, str]] = []
    left_out: dict[str, list[str]] = {}
    not_used: list[tuple[str, str]] = []
    seen: set[str] = set()
    read = 0
    for file in files:
        read += 1
        if file.packet is None:
            failed.append((file.name, file.error.message if file.error else ""))
            continue
        patient = prefix + (file.packet.id or file.name)
        if patient in seen:
            failed.append((file.name, f"Another phenopacket has the identifier {patient}, too."))
            continue
        seen.add(patient)
        not_used += [(file.name, sentence) for sentence in file.packet.not_used]
        attached = list(filter(_is_photo, file.packet.files))
        if not attached:
            left_out.setdefault(NO_PHOTO, []).append(patient)
        for one in attached:
            name = display_name(one.uri)
            stated = parse_consent(one.attributes.get("consent")) or consent
            try:
                path = _photo_path(one, photos or file.folder, stated)
            except UsageError as error:
                left_out.setdefault(error.message, []).append(f"{patient}: {name}")
                continue
            record = _record(file.packet, patient, one, stated, is_only=len(attached) == 1)
            rows.append(Intake(record.photo, path, record))
    told = {reason: tuple(names) for reason, names in left_out.items()}
    return PhenopacketIntake(tuple(rows), read, tuple(failed), told, tuple(not_used))


def _is_photo(file: AttachedFile) -> bool:
    kind = file.attributes.get("mimetype") or file.attributes.get("mime-type") or ""
    return kind.startswith("image/") or PurePosixPath(file.uri).suffix.lower() in SUFFIXES


def _photo_path(file: AttachedFile, folder: Path, consent: str | None) -> Path:
    """Where a photo lies. Raises `UsageError` with the reason for which it is not taken."""
    if consent is None:
        raise UsageError("no consent stated", "State it by --consent.")
    if consent == WITHDRAWN:
        raise UsageError("consent withdrawn", "")
    digest = next((file.attributes[name] for name in HASHES if name in file.attributes), "")
    if not digest:
        raise UsageError("no hash (sha256)", "")
    path = folder / relative_path(file.uri)
    if not path.resolve().is_relative_to(folder.resolve()):
        raise UsageError("a path out of the folder", "")
    try:
        with path.open("rb") as stream:
            found = hashlib.file_digest(stream, "sha256").hexdigest()
    except (OSError, ValueError):
        raise UsageError(NO_FILE, "") from None
    if found != digest.strip().lower():
        raise UsageError("the hash is another file's", "")
    return path


def relative_path(uri: str) -> str:
    """The path that an address names, if it is one within a folder. Raises `UsageError`."""
    try:
        parts = urlsplit(uri)
    except ValueError:
        raise UsageError("no path beside the phenopacket", "") from None
    path = unquote(parts.path)
    steps = PurePosixPath(path.replace("\\", "/")).parts
    if parts.scheme or parts.netloc or not steps or "\0" in path:
        raise UsageError("no path beside the phenopacket", "")
    if ".." in steps or path.startswith(("/", "\\")) or PureWindowsPath(path).drive:
        raise UsageError("a path out of the folder", "")
    return path


def _record(
    packet: Phenopacket, patient: str, file: AttachedFile, consent: str | None, *, is_only: bool
) -> PhotoRecord:
    present, excluded = packet.hpo_terms
    age = years_of(file.attributes.get("age", ""))
    if age is None and is_only:
        age = packet.age_years
    face = file.attributes.get("face", "")
    return PhotoRecord(
        photo=relative_path(file.uri),
        patient=patient,
        # A disorder without a name has its identifier for a label.
        disorders=tuple(
            Disorder(one.id, "" if one.name == one.id else one.name) for one in packet.disorders
        ),
        genes=packet.genes,
        sex=packet.sex,
        age=age,
        hpo=present,
        hpo_absent=excluded,
        consent=consent,
        site=file.attributes.get("site"),
        face=int(face) if face.isascii() and face.isdigit() and int(face) > 0 else None,
    )


def reasons(found: PhenopacketIntake) -> Iterator[tuple[str, int]]:
    """Why photos and patients are left out, and how many, the most frequent first."""
    counts = ((reason, len(names)) for reason, names in found.left_out.items())
    yield from sorted(counts, key=lambda item: (-item[1], item[0]))
