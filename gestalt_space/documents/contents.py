"""`gestalt index stats`: how much a gallery holds, and what made it."""

from __future__ import annotations

from typing import Literal

from gestalt_space.documents.form import Form, filled
from gestalt_space.documents.parts import (
    CalibrationForm,
    RunCountForm,
    calibration_form,
    run_count_forms,
)
from gestalt_space.gallery.listing import GalleryStats
from gestalt_space.tables.table import Column, Table


class CountsForm(Form):
    """How many there are; `withdrawn`: patients whose consent is withdrawn."""

    patients: int
    undiagnosed: int
    photos: int
    crops: int
    disorders: int
    genes: int
    withdrawn: int


class SpaceCountForm(Form):
    """A space: its descriptors, what made them, and how old its calibration is."""

    name: str
    fingerprint: str
    default: bool
    descriptors: int
    runs: list[RunCountForm]
    calibration: CalibrationForm


class ContentsDocument(Form):
    """What the gallery holds."""

    document: Literal["contents"]
    version: Literal[1]
    gallery: CountsForm
    spaces: list[SpaceCountForm]


def contents_document(held: GalleryStats) -> ContentsDocument:
    """What the gallery holds."""
    return {
        "document": "contents",
        "version": 1,
        "gallery": filled(CountsForm, held.counts),
        "spaces": [
            {
                "name": space.model,
                "fingerprint": space.fingerprint,
                "default": space.is_default,
                "descriptors": count,
                "runs": run_count_forms(runs),
                "calibration": calibration_form(calibration),
            }
            for (space, count), runs, calibration in zip(
                held.spaces, held.runs, held.calibrations, strict=True
            )
        ],
    }


def contents_table(held: GalleryStats) -> Table:
    """A row for each count: of the whole gallery, of the descriptors of each space, and of those
    that were made with the same encoder settings."""
    table = Table(
        (
            Column("what"),
            Column("space", readers="programs"),
            Column("of", title="space", readers="people"),
            Column("fingerprint", readers="programs"),
            Column("encoded_in", title="encoded in"),
            Column("count", "integer"),
        )
    )
    for name in CountsForm.__annotations__:
        table.add_row(name, None, None, None, None, getattr(held.counts, name))
    for (space, count), runs in zip(held.spaces, held.runs, strict=True):
        title = f"{space.model} (in use)" if space.is_default else space.model
        table.add_row("descriptors", space.model, title, space.fingerprint, None, count)
        for run, of in runs:
            encoded_in = "not recorded" if run is None else str(run)
            table.add_row("descriptors", space.model, title, space.fingerprint, encoded_in, of)
    return table
