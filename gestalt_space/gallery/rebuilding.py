"""What a rebuild did: indexes that were written, files that were deleted, rows that were mended."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from gestalt_space.counts import counted_text
from gestalt_space.gallery.inspecting.findings import named
from gestalt_space.store.mending import Mended


@dataclass(frozen=True, slots=True)
class WrittenIndex:
    """The index of a space that was written anew. `replaced`: how many of its files were there
    before and are deleted; `approximate`: the kinds of the approximate indexes among them."""

    space: str
    fingerprint: str
    descriptors: int
    segments: int
    replaced: int
    approximate: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """What a rebuild did. `foreign_files`: index files, by name, of spaces that the database does
    not have, which were overwritten and deleted; `cleaned`: whether something that was removed
    still stood in files, which are clean of it now."""

    indexes: tuple[WrittenIndex, ...]
    foreign_files: tuple[str, ...]
    cleaned: bool
    mended: Mended

    def told(self) -> Iterator[str]:
        """All of it in sentences."""
        for table, count in self.mended.rows.items():
            yield (
                f"Repaired or deleted {counted_text(count, 'row')} of {table} that referred to "
                "nothing."
            )
        for count, noun in ((self.mended.disorders, "disorder"), (self.mended.genes, "gene")):
            if count:
                yield f"Deleted {counted_text(count, noun)} that no patient has."
        if self.mended.numbers:
            yield f"Corrected {counted_text(self.mended.numbers, 'number')} of changes."
        if self.foreign_files:
            files = counted_text(len(self.foreign_files), "index file")
            names = named(self.foreign_files, len(self.foreign_files))
            yield f"Deleted {files} of spaces that the database does not have ({names})."
        if self.cleaned:
            yield "Removed data that files still contained was deleted."
        for one in self.indexes:
            segments = counted_text(one.segments, "segment")
            written = f"{counted_text(one.descriptors, 'descriptor')} in {segments}"
            yield (
                f"Rebuilt the index of {one.space}: {written}; deleted "
                f"{counted_text(one.replaced, 'old file')}."
            )
            for kind in one.approximate:
                yield (
                    f"Its approximate index ({kind}) was deleted too. To build it again: `gestalt "
                    f"index approximate --kind {kind} --space {one.space}`."
                )
