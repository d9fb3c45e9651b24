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
├── TrainingError         a training that cannot go on
├── DeviceUnavailable     a device that was asked for and is not there
├── SpaceMismatch         descriptors of two spaces
├── GalleryError          a gallery that cannot do what was asked
│   ├── GalleryEmpty
│   │   └── GalleryMissing
│   ├── GalleryChanged    somebody was removed while it was read
│   ├── ApproximateDamaged  an approximate index that cannot be used
│   ├── EngineError       a search engine that cannot do what was asked
│   │   ├── EngineAway
│   │   ├── EngineUnsuitable
│   │   └── EngineFull
│   ├── ConsentWithdrawn  a patient who may not be matched any more
│   │   └── ConsentReturns  an undo that would bring a patient back into matching
│   ├── NotShared         what no consent to ask other hospitals covers
│   ├── NotInGallery
│   ├── ChangedMeanwhile  a change that rests on what somebody else changed since
│   ├── PatientConflict
│   ├── ErasureUnfinished  an erasure that was begun, and is remembered
│   ├── ImportConflict    an export that contradicts the gallery
│   └── GalleryExists     a home that has a gallery already
├── TableDamaged          a file of others that is not as its format says
├── PhenotypeError        terms or a phenopacket that cannot be used
│   └── OntologyMissing   HPO is not installed
├── ArchiveError          a backup or an export that cannot be used
│   ├── ArchiveDamaged
│   └── ArchiveUnsuitable
├── ClusterError          a Ray cluster that is away, or cannot do the work
│   ├── ClusterLost       it went away in between
│   └── WorkerDied        what was at work on one item died each time
├── DatabaseError         a database that is unreachable, busy, damaged or of another version
├── CropStoreError        an object store of crops that cannot be used
├── IndexDamaged          an index file whose bytes are not what its manifest says
├── OutputError           a result that cannot be written
├── AccessError           a request to the service that may not be answered
│   ├── NotAuthenticated  nobody, or nobody known, asks
│   ├── NotAllowed        the role does not allow it
│   └── TooManyRequests   too many requests, or too many wrong passwords
├── ServiceBusy           the service has as much waiting work as it takes
├── BodyTooLarge          a request with more bytes or files than the service takes
├── UserError             a user of the service that is there already, or is not
├── JobError              a job of the service that is not there, or has no result
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
    """There is no file at the path."""

    code = "photo_not_found"
    http_status = 404


class PhotoTooLarge(PhotoError):
    """More bytes or pixels than the settings allow."""

    code = "photo_too_large"
    http_status = 413


class PhotoFormatError(PhotoError):
    """A file that is not an image, or an image of an unsupported format."""

    code = "photo_format"
    http_status = 415


class PhotoDamaged(PhotoError):
    """An image that is cut off or damaged."""

    code = "photo_damaged"


class FaceError(GestaltError):
    """A photo without a face that can be used."""

    code = "face"
    http_status = 422


class NoFace(FaceError):
    """No face was found in the photo."""

    code = "no_face"


class SeveralFaces(FaceError):
    """The photo has several faces, and none was chosen."""

    code = "several_faces"


class NoSuchFace(FaceError):
    """The photo has no face of that number."""

    code = "no_such_face"


class DescriptorError(GestaltError):
    """A vector that is zero, not finite, or not of unit length."""

    code = "descriptor"
    http_status = 422


class ModelError(GestaltError):
    """A model that is missing, damaged or unsuitable."""

    code = "model"


class ModelNotInstalled(ModelError):
    """No installed model has that name or can do that task."""

    code = "model_not_installed"
    http_status = 404


class ModelExists(ModelError):
    """A model of that name is already installed."""

    code = "model_exists"
    http_status = 409


class ModelDamaged(ModelError):
    """The files of a model have changed since it was installed, or are cut off."""

    code = "model_damaged"


class ModelUnsuitable(ModelError):
    """A file that is not a model gestalt-space can use."""

    code = "model_unsuitable"
    http_status = 422


class GraphUnknown(ModelError):
    """An ONNX file whose graph has an operator or attribute that gestalt-space does not know."""

    code = "graph_unknown"
    http_status = 422


class LicenseNotAccepted(ModelError):
    """The licence restricts use and was not accepted."""

    code = "license_not_accepted"
    exit_code = 2
    http_status = 403


class DownloadFailed(ModelError):
    """A model could not be downloaded."""

    code = "download_failed"
    http_status = 502


class TrainingError(GestaltError):
    """A training that cannot go on, or gave nothing better than it started from."""

    code = "training"


class DeviceUnavailable(GestaltError):
    """The chosen device is not available."""

    code = "device_unavailable"


class SpaceMismatch(GestaltError):
    """Descriptors of different spaces cannot be compared or mixed."""

    code = "space_mismatch"
    http_status = 409


class GalleryError(GestaltError):
    """A gallery that cannot do what was asked."""

    code = "gallery"
    http_status = 409


class GalleryEmpty(GalleryError):
    """The gallery has nothing to match against."""

    code = "gallery_empty"


class GalleryMissing(GalleryEmpty):
    """The home has no gallery."""

    code = "gallery_missing"
    http_status = 404


class GalleryChanged(GalleryError):
    """Patients or photos were removed while the gallery was read."""

    code = "gallery_changed"
    http_status = 409


class ApproximateDamaged(GalleryError):
    """An approximate index that is damaged, or that was built from other descriptors."""

    code = "approximate_damaged"


class EngineError(GalleryError):
    """A search engine that cannot do what was asked."""

    code = "engine"


class EngineAway(EngineError):
    """A search engine that does not answer, or stopped answering."""

    code = "engine_away"
    http_status = 503


class EngineUnsuitable(EngineError):
    """A search engine that has no collection of this gallery and space, or cannot have one."""

    code = "engine_unsuitable"


class EngineFull(EngineError):
    """A search engine without room for more."""

    code = "engine_full"
    http_status = 507


class ConsentWithdrawn(GalleryError):
    """The patient's consent is withdrawn; they are not matched, and nothing is added."""

    code = "consent_withdrawn"
    http_status = 403


class ConsentReturns(ConsentWithdrawn):
    """An undo that would restore a withdrawn consent, and needs a confirmation. `patients`: whose,
    by identifier; `events`: the numbers of those that would be undone.
    """

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


class NotShared(GalleryError):
    """No consent covers the exchange with other hospitals; nothing left the gallery."""

    code = "not_shared"
    http_status = 403


class NotInGallery(GalleryError):
    """The gallery has no patient or photo of that name."""

    code = "not_in_gallery"
    http_status = 404


class ChangedMeanwhile(GalleryError):
    """A change that was made from an earlier state of a patient, whom somebody changed since."""

    code = "changed_meanwhile"


class PatientConflict(GalleryError):
    """New data contradict what the gallery has about a patient, photo or disorder."""

    code = "patient_conflict"


class ErasureUnfinished(GalleryError):
    """Patients were erased from the database, but not yet from every file."""

    code = "erasure_unfinished"


class ImportConflict(GalleryError):
    """An import contradicts the gallery; nothing was imported. All conflicts are listed."""

    code = "import_conflict"

    def __init__(self, message: str, hint: str = "", conflicts: tuple[Any, ...] = ()) -> None:
        super().__init__(message, hint)
        self.conflicts = conflicts

    def as_dict(self) -> dict[str, Any]:
        """The error as it stands in JSON, with all `conflicts`."""
        return {**super().as_dict(), "conflicts": [asdict(one) for one in self.conflicts]}


class GalleryExists(GalleryError):
    """The home already has a gallery, or files of one."""

    code = "gallery_exists"


class ArchiveError(GestaltError):
    """A backup or an export that cannot be used."""

    code = "archive"
    http_status = 422


class ArchiveDamaged(ArchiveError):
    """A backup or an export whose files have changed since it was written."""

    code = "archive_damaged"


class ArchiveUnsuitable(ArchiveError):
    """A folder that is not a backup or export, or one of another version."""

    code = "archive_unsuitable"


class TableDamaged(GestaltError):
    """A file of encodings or metadata that does not follow its format."""

    code = "table_damaged"
    http_status = 422


class PhenotypeError(GestaltError):
    """A description by HPO terms, or a phenopacket, that cannot be used."""

    code = "phenotype"
    http_status = 422


class OntologyMissing(PhenotypeError):
    """The Human Phenotype Ontology is not installed."""

    code = "ontology_missing"
    http_status = 503


class DatabaseError(GestaltError):
    """A database that is unreachable, busy, damaged or of another version."""

    code = "database"
    http_status = 503


class ClusterError(GestaltError):
    """A Ray cluster that is away, or cannot do the work."""

    code = "cluster"
    http_status = 503


class ClusterLost(ClusterError):
    """A Ray cluster that went away while it was used."""

    code = "cluster_lost"


class WorkerDied(ClusterError):
    """An item of which the workers died each time it was tried."""

    code = "worker_died"


class CropStoreError(GestaltError):
    """Crops outside the database that cannot be read, written or deleted now."""

    code = "crop_store"
    http_status = 503


class IndexDamaged(GestaltError):
    """An index file that does not match its manifest."""

    code = "index_damaged"


class OutputError(GestaltError):
    """A result that cannot be written."""

    code = "output"


class AccessError(GestaltError):
    """A request to the service that may not be answered."""

    code = "access"
    http_status = 403


class NotAuthenticated(AccessError):
    """The request has no credentials, or wrong or expired ones."""

    code = "not_authenticated"
    http_status = 401


class NotAllowed(AccessError):
    """The role of the user does not allow it."""

    code = "not_allowed"


class TooManyRequests(AccessError):
    """Too many requests in a minute, or too many wrong passwords. `wait`: for how many seconds."""

    code = "too_many_requests"
    http_status = 429

    def __init__(self, message: str, hint: str = "", wait: float = 60.0) -> None:
        super().__init__(message, hint)
        self.wait = wait


class ServiceBusy(GestaltError):
    """As much work waits as the service takes. `wait`: after how many seconds to try again."""

    code = "service_busy"
    http_status = 503

    def __init__(self, message: str, hint: str = "", wait: float = 1.0) -> None:
        super().__init__(message, hint)
        self.wait = wait


class BodyTooLarge(GestaltError):
    """A request with more bytes or files than the service takes."""

    code = "body_too_large"
    http_status = 413


class UserError(GestaltError):
    """A user of the service, or a token, that is there already, or is not."""

    code = "user"
    http_status = 409


class JobError(GestaltError):
    """A job of the service that is not there, or has no result."""

    code = "job"
    http_status = 404


class Interrupted(GestaltError):
    """The user or the system stopped the command; the message says what is kept."""

    code = "interrupted"
    exit_code = 130
    http_status = 499


class Fault(GestaltError):
    """A bug in gestalt-space."""

    code = "fault"
    exit_code = 70
