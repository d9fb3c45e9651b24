"""A gallery that is backed up, exported, and imported into. What does so is imported when it is
needed: Arrow would make every command start later."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from gestalt_space.gallery.writing import WritableGallery

if TYPE_CHECKING:
    from gestalt_space.gallery.archives.backing_up import BackedUp
    from gestalt_space.gallery.archives.exporting import ExportedGallery, ExportOptions
    from gestalt_space.gallery.archives.importing import Imported


class ExchangeMixin(WritableGallery):
    """A gallery that goes to other disks and homes."""

    def back_up(
        self,
        folder: Path,
        *,
        with_models: bool = False,
        progress: Callable[[float], object] = lambda _share: None,
    ) -> BackedUp:
        """Write a backup of the gallery into a new folder, and check it; others may work with the
        gallery meanwhile.

        `with_models`: also the models that are installed. `progress` is told the share, 0..1, that
        is done. Raises `GalleryMissing`, `OutputError`, `UsageError`, `DatabaseError`.
        """
        from gestalt_space.gallery.archives.backing_up import back_up

        return back_up(
            self.database, self.settings, folder, with_models=with_models, progress=progress
        )

    def export(
        self,
        folder: Path,
        options: ExportOptions | None = None,
        *,
        progress: Callable[[int, int], object] = lambda _done, _whole: None,
    ) -> ExportedGallery:
        """Write patients, photos and descriptors as tables into a new folder; everything without
        `options`. See `export_gallery`."""
        from gestalt_space.gallery.archives.exporting import ExportOptions, export_gallery

        options = options or ExportOptions()
        return export_gallery(self.database, self.settings, folder, options, progress=progress)

    def import_export(
        self,
        folder: Path,
        *,
        into: bool = False,
        prefix: str = "",
        progress: Callable[[int, int], object] = lambda _done, _whole: None,
    ) -> Imported:
        """Take an export in; the index follows. See `importing.import_export`."""
        from gestalt_space.gallery.archives.importing import import_export

        done = import_export(self.database, folder, into=into, prefix=prefix, progress=progress)
        self._follow()
        return done
