"""What a gallery holds: lists and counts."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy.orm import Session

from gestalt_space.gallery.calibration.calibrating import (
    CalibrationState,
    calibration_state,
)
from gestalt_space.gallery.inspecting.index import verify_index
from gestalt_space.gallery.intake.disorders import find_disorder
from gestalt_space.gallery.intake.genes import read_gene
from gestalt_space.gallery.intake.values import is_unknown
from gestalt_space.gallery.opened import OpenGallery
from gestalt_space.gallery.spaces import Encoded
from gestalt_space.gallery.state import GalleryState
from gestalt_space.names import normal_name
from gestalt_space.store import people, reads
from gestalt_space.store.lookups import known_disorders
from gestalt_space.store.runs import RunCounts, run_counts


@dataclass(frozen=True, slots=True)
class GalleryStats:
    """How much a gallery holds, of which spaces, and, of each, what made the descriptors and how
    old the calibration is."""

    counts: reads.GalleryCounts
    spaces: tuple[tuple[reads.StoredSpace, int], ...]
    runs: tuple[RunCounts, ...]
    calibrations: tuple[CalibrationState, ...]


@dataclass(frozen=True, slots=True)
class PatientPage:
    """Some patients by identifier. `next`: after whom the next ones come, None at the end."""

    patients: tuple[reads.PatientSummary, ...]
    next: str | None


class ListingMixin(OpenGallery):
    """A gallery that is listed."""

    def stats(self) -> GalleryStats:
        """How much the gallery holds."""
        self.database.require()
        states = [self._reader.current(space) for space in self._spaces()]
        with self.database.reading() as session:
            return GalleryStats(
                reads.counts(session),
                tuple((state.space, state.photos) for state in states),
                tuple(run_counts(session, one.space.id, one.photos) for one in states),
                tuple(calibration_state(session, state) for state in states),
            )

    def patients(
        self, *, disorder: str | None = None, cohort: str | None = None, limit: int | None = None
    ) -> list[reads.PatientSummary]:
        """Patients by identifier, all or those of a disorder or cohort; `unknown` asks for those
        who have none."""
        return list(self.page(disorder=disorder, cohort=cohort, limit=limit).patients)

    def page(
        self,
        *,
        disorder: str | None = None,
        cohort: str | None = None,
        after: str | None = None,
        limit: int | None = None,
    ) -> PatientPage:
        """At most `limit` patients by identifier, those who come after one; see `patients`. Costs
        what it gives, however many come before."""
        with self.database.reading() as session:
            return list_page(session, disorder=disorder, cohort=cohort, after=after, limit=limit)

    def patient(self, patient: str) -> reads.PatientRecord:
        """All that the gallery says of a patient. Raises `NotInGallery`."""
        with self.database.reading() as session:
            return reads.patient_detail(session, normal_name(patient))

    def present_terms(self) -> dict[str, tuple[str, ...]]:
        """The HPO terms that are present in patients, by their identifiers; without patients who
        have none."""
        self.database.require()
        with self.database.reading() as session:
            return people.present_terms(session)

    def check_index(self) -> dict[str, str]:
        """For each space, by its model's name, what its index on disk is. Raises `IndexDamaged`."""
        folder = self.settings.index_dir
        return {space.model: verify_index(self.database, space, folder) for space in self._spaces()}

    def faces_to_fill(self, *, again: bool = False) -> int:
        """How many stored faces have no descriptor in this space; `again` as in `fill`."""
        here = self.pinned()
        made_by = here.encoder.run if again else None
        with self.database.reading() as session:
            # Asked anew: the space may have been stored since it was pinned.
            spaces = {space.fingerprint: space.id for space in reads.spaces(session)}
            space_id = spaces.get(here.space.fingerprint)
            if space_id is not None and len(spaces) == 1 and not again:
                return 0  # faces are added with their descriptor
            faces = {face for face, _, _ in reads.faces_without(session, space_id, made_by=made_by)}
        return len(faces.union(here._unsound_faces() if again else ()))

    def runs(self, state: GalleryState | None = None) -> RunCounts:
        """What the descriptors of this space were made with, and how many there are of each: in a
        state, or else the newest."""
        space = self.space.stored
        if space is None:
            return ()
        state = self.state() if state is None else state
        known = self._run_counts.get(state)
        if known is None:
            with self.database.reading() as session:
                known = self._run_counts[state] = run_counts(session, space.id, state.photos)
        return known

    def encoded(self, *, photos: bool = True, state: GalleryState | None = None) -> Encoded:
        """What photos are encoded with here, and what the gallery's descriptors were made with.

        `state`: the one that was matched, else the newest. Without `photos`, for a question about
        what is stored, no encoder is opened.
        """
        here = self.pinned()
        return Encoded(here.encoder.run if photos else None, here.runs(state))


def list_page(
    session: Session,
    *,
    disorder: str | None,
    cohort: str | None,
    after: str | None,
    limit: int | None,
    gene: str | None = None,
    containing: str | None = None,
) -> PatientPage:
    """See `ListingMixin.page` and `reads.list_patients`."""
    disorder, cohort = map(_name_asked, (disorder, cohort))
    disorder = disorder and find_disorder(disorder, known_disorders(session))
    # One more than asked for says whether there are more.
    found = list(
        reads.list_patients(
            session,
            disorder=disorder,
            cohort=cohort,
            gene=gene and read_gene(gene).value,
            containing=containing and normal_name(containing),
            after=None if after is None else normal_name(after),
            limit=None if limit is None else limit + 1,
        )
    )
    if limit is None or len(found) <= limit:
        return PatientPage(tuple(found), None)
    return PatientPage(tuple(found[:limit]), found[limit - 1].patient)


def _name_asked(name: str | None) -> str | None:
    """A name to look for, an empty one for what is not known; None for all."""
    return name if name is None else "" if is_unknown(name) else normal_name(name)
