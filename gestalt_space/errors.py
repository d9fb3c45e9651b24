"""The error tree. Each error says what was wrong, and its hint names the next thing to do.

GestaltError
├── UsageError            a wrong option, column or value
├── PhotoError            a photo that cannot be used
│   ├── PhotoNotFound
│   ├── PhotoTooLarge
│   ├── PhotoFormatError
│   └── PhotoDamaged
├── FaceError             a photo that was read, but gave no face to work with
│   ├── NoFace
│   ├── SeveralFaces
│   └── NoSuchFace
├── DescriptorError       a vector that is zero, not finite, or not of unit length
├── ModelError            a model that is missing, damaged or unsuitable
│   ├── ModelNotInstalled
│   ├── ModelExists
│   ├── ModelDamaged
│   ├── ModelUnsuitable
│   ├── GraphUnknown
│   ├── LicenseNotAccepted
│   └── DownloadFailed
├── DeviceUnavailable     a device that was asked for and is not there
├── SpaceMismatch         descriptors of two spaces
├── GalleryError          a gallery that cannot do what was asked
│   ├── GalleryEmpty
│   │   └── GalleryMissing
│   ├── GalleryChanged    somebody was removed while it was read
│   ├── ApproximateDamaged  an approximate index that cannot be used
│   ├── ConsentWithdrawn  a patient who may not be matched any more
│   │   └── ConsentReturns  an undo that would bring a patient back into matching
│   ├── NotInGallery
│   ├── PatientConflict
│   ├── ErasureUnfinished  an erasure that was begun, and is remembered
│   ├── ImportConflict    an export that contradicts the gallery
│   └── GalleryExists     a home that has a gallery already
├── TableDamaged          a file of others that is not as its format says
├── ArchiveError          a backup or an export that cannot be used
│   ├── ArchiveDamaged
│   └── ArchiveUnsuitable
├── DatabaseError         a database that is unreachable, busy, damaged or of another version
├── IndexDamaged          an index file whose bytes are not what its manifest says
├── OutputError           a result that cannot be written
├── Interrupted           the user or the system stopped the work
└── Fault                 a fault of this package itself
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any, ClassVar


class GestaltError(Exception):
    """Base of all errors of this package.

    `code` is a stable name for programs, `exit_code` what the command line ends with,
    `http_status` what a service answers.
    """

    code: ClassVar[str] = "error"
    exit_code: ClassVar[int] = 1
    http_status: ClassVar[int] = 500

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def as_dict(self) -> dict[str, Any]:
        """The error as it stands in JSON: `code`, `message`, `hint`."""
        return {"code": self.code, "message": self.message, "hint": self.hint}


class UsageError(GestaltError):
    """A wrong option, column or value."""

    code = "usage"
    exit_code = 2
    http_status = 400


class PhotoError(GestaltError):
    """A photo that cannot be used."""

    code = "photo"
    http_status = 422


class PhotoNotFound(PhotoError):
    """No file stands at the path."""

    code = "photo_not_found"
    http_status = 404


class PhotoTooLarge(PhotoError):
    """More bytes or pixels than the settings allow."""

    code = "photo_too_large"
    http_status = 413


class PhotoFormatError(PhotoError):
    """Not an image of a format that is read here."""

    code = "photo_format"
    http_status = 415


class PhotoDamaged(PhotoError):
    """An image whose data are cut off or wrong."""

    code = "photo_damaged"


class FaceError(GestaltError):
    """A photo that was read, but gave no face to work with."""

    code = "face"
    http_status = 422


class NoFace(FaceError):
    """No face was found at any step of the ladder."""

    code = "no_face"


class SeveralFaces(FaceError):
    """Several faces, and nothing says which one is meant."""

    code = "several_faces"


class NoSuchFace(FaceError):
    """A face number beyond the faces of the photo."""

    code = "no_such_face"


class DescriptorError(GestaltError):
    """A vector that is zero, not finite, or not of unit length."""

    code = "descriptor"
    http_status = 422


class ModelError(GestaltError):
    """A model that is missing, damaged or unsuitable."""

    code = "model"


class ModelNotInstalled(ModelError):
    """No installed model has that name or does that work."""

    code = "model_not_installed"
    http_status = 404


class ModelExists(ModelError):
    """A model of that name is installed already."""

    code = "model_exists"
    http_status = 409


class ModelDamaged(ModelError):
    """A model's files are not what they were when it was installed, or were cut off."""

    code = "model_damaged"


class ModelUnsuitable(ModelError):
    """A file that is no model this package can use."""

    code = "model_unsuitable"
    http_status = 422


class GraphUnknown(ModelError):
    """An ONNX file that may be sound, but whose graph is not understood to the last attribute."""

    code = "graph_unknown"
    http_status = 422


class LicenseNotAccepted(ModelError):
    """The licence restricts use and was not accepted."""

    code = "license_not_accepted"
    exit_code = 2
    http_status = 403


class DownloadFailed(ModelError):
    """A model could not be fetched."""

    code = "download_failed"
    http_status = 502


class DeviceUnavailable(GestaltError):
    """A device that was asked for and is not there."""

    code = "device_unavailable"


class SpaceMismatch(GestaltError):
    """Descriptors of two spaces were about to be compared or mixed."""

    code = "space_mismatch"
    http_status = 409


class GalleryError(GestaltError):
    """A gallery that cannot do what was asked."""

    code = "gallery"
    http_status = 409


class GalleryEmpty(GalleryError):
    """Nothing in the gallery can be matched against."""

    code = "gallery_empty"


class GalleryMissing(GalleryEmpty):
    """The home has no gallery."""

    code = "gallery_missing"
    http_status = 404


class GalleryChanged(GalleryError):
    """Patients or photos were removed since the state that was asked was read."""

    code = "gallery_changed"
    http_status = 409


class ApproximateDamaged(GalleryError):
    """An approximate index that is damaged, or of other descriptors than the gallery's."""

    code = "approximate_damaged"


class ConsentWithdrawn(GalleryError):
    """A patient whose consent is withdrawn, of whom nothing is added or matched."""

    code = "consent_withdrawn"
    http_status = 403


class ConsentReturns(ConsentWithdrawn):
    """An undo that would give withdrawn consent back, which somebody has to say. `patients`: whose,
    by identifier; `events`: the numbers of those that would be undone."""

    code = "consent_returns"
    http_status = 409

    def __init__(
        self,
        message: str,
        hint: str = "",
        patients: Sequence[str] = (),
        events: Sequence[int] = (),
    ) -> None:
        super().__init__(message, hint)
        self.patients = tuple(patients)
        self.events = tuple(events)

    def as_dict(self) -> dict[str, Any]:
        """The error as it stands in JSON, with the `patients` and `events`."""
        more = {"patients": list(self.patients), "events": list(self.events)}
        return {**super().as_dict(), **more}


class NotInGallery(GalleryError):
    """No patient or photo of that name is in the gallery."""

    code = "not_in_gallery"
    http_status = 404


class PatientConflict(GalleryError):
    """What is to be added contradicts what the gallery says of a patient, photo or disorder."""

    code = "patient_conflict"


class ErasureUnfinished(GalleryError):
    """Patients were erased from the database, and not yet from every file; it is remembered."""

    code = "erasure_unfinished"


class ImportConflict(GalleryError):
    """What is to be imported contradicts the gallery; all of it is named, and nothing was taken."""

    code = "import_conflict"

    def __init__(self, message: str, hint: str = "", conflicts: tuple[Any, ...] = ()) -> None:
        super().__init__(message, hint)
        self.conflicts = conflicts

    def as_dict(self) -> dict[str, Any]:
        """The error as it stands in JSON, with all `conflicts`."""
        return {**super().as_dict(), "conflicts": [asdict(one) for one in self.conflicts]}


class GalleryExists(GalleryError):
    """The home has a gallery already, or something of one."""

    code = "gallery_exists"


class ArchiveError(GestaltError):
    """A backup or an export that cannot be used."""

    code = "archive"
    http_status = 422


class ArchiveDamaged(ArchiveError):
    """A backup or an export whose files are not what was written."""

    code = "archive_damaged"


class ArchiveUnsuitable(ArchiveError):
    """A folder that is no backup or export, or one of another version."""

    code = "archive_unsuitable"


class TableDamaged(GestaltError):
    """A file of others, encodings or metadata, that is not as its format says."""

    code = "table_damaged"
    http_status = 422


class DatabaseError(GestaltError):
    """A database that is unreachable, busy, damaged or of another version."""

    code = "database"
    http_status = 503


class IndexDamaged(GestaltError):
    """An index file whose bytes are not what its manifest says."""

    code = "index_damaged"


class OutputError(GestaltError):
    """A result that cannot be written."""

    code = "output"


class Interrupted(GestaltError):
    """The user or the system stopped the work; the message says what is kept."""

    code = "interrupted"
    exit_code = 130
    http_status = 499


class Fault(GestaltError):
    """A fault of this package itself."""

    code = "fault"
    exit_code = 70
