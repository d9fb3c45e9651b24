"""Erasing patients, so that no file has anything of them, and a search that shows it."""

from __future__ import annotations

import secrets
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, suppress
from pathlib import Path
from types import MappingProxyType

from sqlalchemy.orm import Session

from gestalt_space.errors import GestaltError, NotInGallery, UsageError
from gestalt_space.gallery.erasure.erased import Erased
from gestalt_space.gallery.erasure.finishing import (
    Deliver,
    ErasureFinisher,
    nobody_listens,
    path_of,
)
from gestalt_space.gallery.erasure.forms import SHORT, Text
from gestalt_space.gallery.erasure.pieces import after_head, pieces_of
from gestalt_space.gallery.erasure.places import places_of
from gestalt_space.gallery.erasure.plans import ErasurePlan, masked
from gestalt_space.gallery.erasure.searching import codes_of
from gestalt_space.gallery.identity import home_of
from gestalt_space.gallery.lock import ERASING, locked
from gestalt_space.gallery.outer_crops import has_left
from gestalt_space.gallery.writing import WritableGallery
from gestalt_space.names import check_names, normal_name
from gestalt_space.store import copied, erasures, purges
from gestalt_space.store.audit import empty_details_naming
from gestalt_space.store.erasures import UnfinishedErasure
from gestalt_space.store.jobs import forget_jobs
from gestalt_space.store.removals import patient_keys
from gestalt_space.store.versions import check_versions

ErasureProgress = Callable[[int], object] | None
Waiting = Callable[[str], object]


class ErasureMixin(WritableGallery):
    """A gallery that patients are erased from."""

    def begun_erasures(self) -> list[UnfinishedErasure]:
        """The erasures that are not done yet, the oldest first."""
        with self.database.reading() as session:
            return erasures.begun_erasures(session)

    def erase_with(
        self,
        patients: Sequence[str],
        deliver: Deliver,
        *,
        receipt: Path | None = None,
        named: bool = False,
        versions: Mapping[str, str] = MappingProxyType({}),
        progress: ErasureProgress = None,
        waiting: Waiting = nobody_listens,
    ) -> Erased:
        """Erase patients, search every file for them, and hand over what the receipt says.

        Patients who were removed before are searched for as well, where there is a trace of them.
        `deliver` is called when all is done; `receipt` is remembered for it. `named`: the receipt
        is to name them. `versions`: see `remove`. `progress` is given the bytes searched so far;
        `waiting`, where others hold something for longer than a second, what is waited for. Raises
        `NotInGallery` for a patient of whom there is no row and no trace, erasing none;
        `CropStoreError` where crops outside the database cannot be read, erasing none;
        `ErasureUnfinished` where something holds a file, or something is left. It is remembered, as
        it is where the process is stopped.
        """
        names = sorted({normal_name(name) for name in check_names(patients, "patients")} - {""})
        if not names:
            raise UsageError("No patient to erase was given.", "Add --patient P17.")
        self.database.require()
        self.database.require_writable()
        finishing = self._finishing(progress, waiting)
        with self._alone(self.settings.busy_timeout, waiting):
            with self.database.reading() as session:
                keys = patient_keys(session, names)
                absent = sorted(set(names) - set(keys))
                # Crops that cannot be read are to be told of before the writer's lock is taken.
                erasures.traces_of(session, keys.values())
            for name in absent:
                self._require_trace(name, finishing)
            with self.database.writing() as session:
                check_versions(session, versions)
                plan = self._taken_out(session, names, finishing, receipt=receipt, named=named)
                key = erasures.begin_erasure(session, masked(plan))
                (begun,) = (one for one in erasures.begun_erasures(session) if one.id == key)
            erased = finishing.finish(begun, deliver)
        self._calibrate_all()
        return erased

    def resume_with(
        self,
        deliver: Deliver,
        *,
        progress: ErasureProgress = None,
        waiting: Waiting = nobody_listens,
    ) -> list[Erased]:
        """Bring every erasure that was begun to its end; see `erase_with`."""
        self.database.require()
        self.database.require_writable()
        finishing = self._finishing(progress, waiting)
        with self._alone(self.settings.busy_timeout, waiting):
            done = [finishing.finish(begun, deliver) for begun in self.begun_erasures()]
        if done:
            self._calibrate_all()
        return done

    def finish_with(self, deliver: Deliver) -> list[Erased]:
        """Bring to their end those that a stopped process had begun, and that wait for nobody.

        Left to `resume_with` are those of a process that is at work, those of a gallery that
        another process reads or another home has not cleaned, those with crops outside the database
        to delete, and those whose search found something.
        """
        done: list[Erased] = []
        if not self.database.is_writable or not self.begun_erasures():
            return done
        if has_left(self.database):
            return done
        finishing = self._finishing()
        folder = self.settings.index_dir
        with suppress(GestaltError), self._alone(0):
            with self.database.reading() as session:
                if purges.pending_purges(session, home_of(session, folder)):
                    return done
            for begun in self.begun_erasures():
                if not begun.plan.get("left"):
                    # One by one: those that were done count where the next one fails.
                    done.append(finishing.finish(begun, deliver))  # noqa: PERF401
        return done

    def _alone(
        self, timeout: float, waiting: Waiting = nobody_listens
    ) -> AbstractContextManager[None]:
        """So that no two processes of a home erase at once, or finish what another is at."""
        return locked(self.settings.index_dir, timeout, ERASING, waiting)

    def _finishing(
        self, progress: ErasureProgress = None, waiting: Waiting = nobody_listens
    ) -> ErasureFinisher:
        return ErasureFinisher(self.database, self.settings, self._keeper, progress, waiting)

    def _require_trace(self, name: str, finishing: ErasureFinisher) -> None:
        """Raise `NotInGallery` where there is no trace of a patient who has no row."""
        with self.database.reading() as session:
            rows = {place for place, _ in erasures.texts_with(session, name)}
        if "audit_event.detail" in rows:
            return
        if len(name.encode()) < SHORT:
            # In files so few bytes stand by chance.
            raise _no_trace(name, "no trace of any of them in the database")
        places = places_of(self.settings, self.database)
        searched = finishing.search([Text("identifier", name)], pieces_of([]), places)
        if not searched.found:
            files = f"{searched.files:,} files ({searched.bytes:,} bytes)"
            raise _no_trace(name, f"no trace of any of them in {files}")

    def _taken_out(
        self,
        session: Session,
        names: Sequence[str],
        finishing: ErasureFinisher,
        *,
        receipt: Path | None,
        named: bool,
    ) -> ErasurePlan:
        """Take the rows of patients out; what is to be remembered of them."""
        keys = patient_keys(session, names)
        traces = erasures.traces_of(session, keys.values())
        plan = ErasurePlan(
            patients=list(names),
            removed_before=sorted(set(names) - set(keys)),
            salt=secrets.token_hex(16),
            photos=traces.photos,
            descriptors=traces.descriptors,
            times=finishing.on_disk.files(),
            receipt=path_of(receipt),
            named=named,
            objects=dict(Counter(one.place for one in traces.objects)),
            copy_events=sorted(copied.CopiesOf.read(session, keys.values()).events),
        )
        scales = finishing.on_disk.scales()
        vectors = [vector for _, vector in traces.vectors]
        codes = [
            codes_of(vector, scale)
            for space, vector in traces.vectors
            for scale in scales.get(space, ())
        ]
        means = finishing.on_disk.means_of(keys.values())
        plan.with_pieces(pieces_of([*vectors, *codes, *means, *map(after_head, traces.crops)]))
        unused = erasures.erase_rows(session, keys.values())
        copied.leave_out_of_paths(session, names, plan.photo_texts)
        emptied = empty_details_naming(session, {*names, *plan.photo_texts})
        plan.rows = {**traces.rows, **unused, "audit details of others": emptied}
        plan.rows["job"] = forget_jobs(session)
        plan.sequence = erasures.last_change(session)
        return plan


def _no_trace(name: str, where: str) -> NotInGallery:
    return NotInGallery(
        f"There is no patient {name!r}, and {where}.", "`gestalt index list` lists the patients."
    )
