"""The gallery of a home, with all its operations."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from types import MappingProxyType

from gestalt_space.documents.receipts import (
    check_receipt,
    free_place,
    is_receipt_of,
    write_receipt,
)
from gestalt_space.errors import UsageError
from gestalt_space.gallery.archives.exchanging import ExchangeMixin
from gestalt_space.gallery.choosing import SpacesMixin
from gestalt_space.gallery.correcting import CorrectionsMixin
from gestalt_space.gallery.engines.engine_mixin import EnginesMixin
from gestalt_space.gallery.erasing import ErasureMixin, ErasureProgress, Waiting
from gestalt_space.gallery.erasure.erased import Erased
from gestalt_space.gallery.erasure.finishing import nobody_listens
from gestalt_space.gallery.looking import Looking
from gestalt_space.gallery.moving_crops import CropsMixin
from gestalt_space.gallery.sharing import SharedDatabaseMixin
from gestalt_space.gallery.trail import AuditTrailMixin
from gestalt_space.match.site_mixin import SiteMixin


class Gallery(
    SpacesMixin,
    EnginesMixin,
    CorrectionsMixin,
    ErasureMixin,
    ExchangeMixin,
    Looking,
    CropsMixin,
    SharedDatabaseMixin,
    AuditTrailMixin,
    SiteMixin,
):
    """The patients, photos and descriptors of one home. Threads can share it."""

    def erase(
        self,
        patients: Sequence[str],
        receipt: Path | None = None,
        *,
        name_patients: bool = False,
        versions: Mapping[str, str] = MappingProxyType({}),
        progress: ErasureProgress = None,
        waiting: Waiting = nobody_listens,
    ) -> Erased:
        """Erase patients from every file of the gallery, search all of them, and write a receipt.

        The receipt must be a new JSON file; it is written at the end. `versions`: of patients, from
        `version_of`, that the erasure is based on; raises `ChangedMeanwhile` if one of them has
        another by now. Raises as `erase_with` does,
        and `UsageError` or `OutputError` if the receipt cannot be written.
        """
        if receipt is not None:
            check_receipt(receipt, self.settings)
        return self.erase_with(
            patients,
            partial(_deliver, None),
            receipt=receipt,
            named=name_patients,
            versions=versions,
            progress=progress,
            waiting=waiting,
        )

    def resume_erasures(
        self,
        receipt: Path | None = None,
        *,
        progress: ErasureProgress = None,
        waiting: Waiting = nobody_listens,
    ) -> list[Erased]:
        """Finish the erasures that were started. Each receipt is written to the path given for it,
        or, for a single erasure, to `receipt`. Raises as `erase` does.
        """
        if receipt is not None:
            check_receipt(receipt, self.settings)
            if len(self.begun_erasures()) > 1:
                raise UsageError(
                    "Several erasures are not finished, each with its own receipt.",
                    "Leave out --receipt: each receipt is written to the path given for it.",
                )
        return self.resume_with(partial(_deliver, receipt), progress=progress, waiting=waiting)

    def finish_erasures(self) -> list[Erased]:
        """Finish the erasures of a process that was stopped, unless they have to wait for another
        one. Each receipt is written to the path given for it. Commands do this when they open a
        gallery.
        """
        return self.finish_with(partial(_deliver, None))


def _deliver(place: Path | None, erased: Erased, remembered: str | None) -> None:
    path = place or (None if remembered is None else Path(remembered))
    # It was handed over before, or by the gallery that this one is a copy of.
    if path is not None and not is_receipt_of(path, erased):
        write_receipt(erased, free_place(path))
