"""Photos by path and in folders: what is passed over and why, and whose photos they are."""

from __future__ import annotations

import os
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from gestalt_space.counts import counted_text
from gestalt_space.errors import UsageError
from gestalt_space.faces.photos import SUFFIXES
from gestalt_space.gallery.intake.records import Intake, ReadRecord
from gestalt_space.names import normal_name
from gestalt_space.paths import display_name, find_file, is_folder

SYSTEM = frozenset(
    {"@eadir", "#recycle", "#snapshot", "$recycle.bin", "system volume information", "lost+found"}
    | {"__macosx", "thumbs.db", "desktop.ini", "ehthumbs.db", "icon\r"}
)
"""Names, in lower case, of files and folders that systems and storage devices make."""
SHOWN_KINDS = 12
_FIRST_BYTES = {
    b"\xff\xd8\xff": "a JPEG",
    b"\x89PNG\r\n\x1a\n": "a PNG",
    b"II*\0": "a TIFF",
    b"MM\0*": "a TIFF",
}


@dataclass(frozen=True, slots=True)
class PassedOver:
    """A file or folder that is not used, and why."""

    path: Path
    reason: str
    is_folder: bool = False


@dataclass(frozen=True, slots=True)
class FoundPhotos:
    """The photos that paths and folders stand for, in order, and what is passed over in folders."""

    photos: tuple[Path, ...]
    passed_over: tuple[PassedOver, ...] = ()

    def passed_over_text(self) -> str:
        """What is passed over, by kind and reason; empty where nothing is.

        `2 files and 1 folder passed over: 2 .avif (not a known photo), 1 @eaDir/ (made by the
        system)`
        """
        if not self.passed_over:
            return ""
        kinds = Counter((_kind(one), one.reason) for one in self.passed_over)
        parts = [f"{count:,} {kind} ({reason})" for (kind, reason), count in kinds.most_common()]
        if len(parts) > SHOWN_KINDS:
            parts[SHOWN_KINDS:] = [f"and {len(parts) - SHOWN_KINDS:,} other kinds"]
        folders = sum(one.is_folder for one in self.passed_over)
        counts = [
            counted_text(len(self.passed_over) - folders, "file"),
            counted_text(folders, "folder"),
        ]
        told = " and ".join(text for text in counts if not text.startswith("0 "))
        return f"{told} skipped: {', '.join(parts)}"


@dataclass(frozen=True, slots=True)
class FolderPlan:
    """What a folder gives to the gallery."""

    rows: tuple[Intake, ...]
    found: FoundPhotos

    @property
    def patients(self) -> int:
        """How many patients the photos are of."""
        return len({row.record.patient for row in self.rows if row.record is not None})

    def __str__(self) -> str:
        text = (
            f"{counted_text(len(self.rows), 'photo')} of {counted_text(self.patients, 'patient')}"
        )
        over = self.found.passed_over_text()
        return f"{text}, {over}" if over else text


def find_photos(paths: Sequence[Path]) -> FoundPhotos:
    """Paths with each folder among them replaced by its photos. Raises `UsageError` for a folder
    that has none."""
    found = [
        photos_in(path) if is_folder(path) else FoundPhotos((find_file(path),)) for path in paths
    ]
    return FoundPhotos(
        tuple(photo for one in found for photo in one.photos),
        tuple(passed for one in found for passed in one.passed_over),
    )


def photos_in(folder: Path) -> FoundPhotos:
    """The photos in a folder and below, by path. Raises `UsageError` where there are none.

    Hidden folders, those of systems, and links to folders are passed over in one piece.
    """
    passed: list[PassedOver] = []
    photos = sorted(_walk(folder, passed))
    found = FoundPhotos(tuple(photos), tuple(sorted(passed, key=lambda one: one.path)))
    if not photos:
        over = found.passed_over_text()
        raise UsageError(
            f"There is no photo in {display_name(folder)}{f': {over}' if over else ''}.",
            f"The names of photos must end in {', '.join(sorted(SUFFIXES))}.",
        )
    return found


def one_photo(path: Path, told: ReadRecord) -> Intake:
    """A single photo with its options. Raises `UsageError` where the patient is missing."""
    if not told.record.patient:
        raise UsageError(
            f"The patient of {display_name(path.name)} is not known.",
            "Add --patient ID and, if the patient is diagnosed, --disorder OMIM:….",
        )
    name = normal_name(display_name(path))
    return Intake(name, find_file(path), replace(told.record, photo=name), notes=told.notes)


def plan_folder(folder: Path, told: ReadRecord, *, patient_level: int | None = None) -> FolderPlan:
    """What a folder's photos are: whose, and what is passed over.

    With a patient in `told`, all are theirs. Without: a photo in a subfolder belongs to the patient
    whom the subfolder is named after, a photo beside it to a patient of its own name, who must be
    new to the gallery. `patient_level`: the folders of that level are named after patients, 1 for
    those in `folder`. Raises `UsageError` for a folder without photos, and where folders stand in
    folders and nobody says which are the patients'.
    """
    found = photos_in(folder)
    if told.record.patient:
        return FolderPlan(tuple(_row(folder, path, told) for path in found.photos), found)
    parts = {path: path.relative_to(folder).parts for path in found.photos}
    if patient_level is None:
        _check_flat(parts)
    level = patient_level or 1
    _check_names(parts, level)
    rows = tuple(_placed(folder, path, told, parts[path], level) for path in found.photos)
    return FolderPlan(rows, found)


def _walk(folder: Path, passed: list[PassedOver]) -> Iterator[Path]:
    def unreadable(error: OSError) -> None:
        reason = f"cannot be read: {error.strerror}"
        passed.append(PassedOver(Path(error.filename or folder), reason))

    for root, folders, files in os.walk(folder, onerror=unreadable):
        place = Path(root)
        for name in list(folders):
            reason = _system_reason(name)
            if not reason and (place / name).is_symlink():
                reason = "a link to a folder"
            if reason:
                folders.remove(name)
                passed.append(PassedOver(place / name, reason, is_folder=True))
        for name in files:
            path = place / name
            if reason := _reason(path):
                passed.append(PassedOver(path, reason))
            else:
                yield path


def _reason(path: Path) -> str:
    """Why a file is not used; empty for a photo."""
    if reason := _system_reason(path.name):
        return reason
    if not path.is_file():
        return "not a file that can be read"
    if path.suffix.lower() in SUFFIXES:
        return ""
    return _looks_like(path) or "not a known photo"


def _system_reason(name: str) -> str:
    if name.lower() in SYSTEM:
        return "made by the system"
    return "hidden" if name.startswith(".") else ""


def _looks_like(path: Path) -> str:
    """What a file is by its first bytes, if that is a photo under another ending."""
    try:
        with path.open("rb") as stream:
            start = stream.read(16)
    except OSError as error:
        return f"cannot be read: {error.strerror}"
    kinds = [kind for first, kind in _FIRST_BYTES.items() if start.startswith(first)]
    if start[:4] == b"RIFF" and start[8:12] == b"WEBP":
        kinds.append("a WebP")
    if start[4:12] in (b"ftypheic", b"ftypheix", b"ftypmif1"):
        kinds.append("a HEIC")
    return f"{kinds[0]} by its first bytes: rename it to that ending" if kinds else ""


def _kind(one: PassedOver) -> str:
    """By what files are counted: their ending, or their name where that says more."""
    if one.is_folder:
        return f"{display_name(one.path.name)}/"
    if "first bytes" in one.reason or one.reason == "made by the system" or not one.path.suffix:
        return display_name(one.path.name)
    return display_name(one.path.suffix.lower())


def _check_flat(parts: dict[Path, tuple[str, ...]]) -> None:
    deep = [names for names in parts.values() if len(names) > 2]
    if not deep:
        return
    names = [display_name(name) for name in deep[0]]
    counts = [
        len({names[:level] for names in parts.values() if len(names) > level}) for level in (1, 2)
    ]
    raise UsageError(
        f"The patient of {'/'.join(names)} is not clear: the folders are nested, so it may be "
        f"{names[0]!r} or {names[1]!r}.",
        "Use --patient-level 1 if the outer folders are patients "
        f"({counted_text(counts[0], 'patient')}), or --patient-level 2 if the inner ones are "
        f"({counted_text(counts[1], 'patient')}). Or use a table.",
    )


def _check_names(parts: dict[Path, tuple[str, ...]], level: int) -> None:
    """Refuse two folders of one name: two patients called 1, each of another disorder."""
    places = defaultdict(set)
    for names in parts.values():
        if len(names) > level:
            places[normal_name(names[level - 1])].add(names[:level])
    for name, folders in sorted(places.items()):
        if len(folders) > 1:
            one, two = (display_name("/".join(names)) for names in sorted(folders)[:2])
            raise UsageError(
                f"Two folders are named after the patient {display_name(name)!r}: {one} and {two}.",
                "If they are two patients, give the folders different names. If they are one, put "
                "the photos in one folder.",
            )


def _placed(
    folder: Path, path: Path, told: ReadRecord, parts: tuple[str, ...], level: int
) -> Intake:
    if len(parts) > level:
        return _row(folder, path, told, patient=parts[level - 1])
    if level == 1:
        return _row(folder, path, told, patient=path.stem, new_patient=True)
    name = _name(folder, path)
    return Intake(
        name,
        path,
        None,
        UsageError(
            f"It is not in a folder of level {level}, so its patient is not known.",
            "Move it into the folder of its patient, or add it with --patient.",
        ),
    )


def _row(
    folder: Path,
    path: Path,
    told: ReadRecord,
    patient: str | None = None,
    *,
    new_patient: bool = False,
) -> Intake:
    name = _name(folder, path)
    record = replace(told.record, photo=name, new_patient=new_patient)
    if patient is not None:
        record = replace(record, patient=normal_name(display_name(patient)))
    return Intake(name, path, record, notes=told.notes)


def _name(folder: Path, path: Path) -> str:
    return normal_name(display_name(path.relative_to(folder).as_posix()))
