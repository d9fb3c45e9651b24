"""Average faces of disorders, as a page shows them beside a candidate."""

from __future__ import annotations

from gestalt_space.cohort.composite import FEWEST, composite
from gestalt_space.cohort.selection import Criteria, select
from gestalt_space.faces.crops import crop_to_png
from gestalt_space.home import Gallery

MOST_PATIENTS = 40
"""Patients whose faces are averaged while a reader waits."""


def average_face(gallery: Gallery, disorder: str) -> bytes:
    """The average face of a disorder's patients as PNG; of many, of `MOST_PATIENTS` at even
    distances by identifier.

    Raises `NotInGallery`, and `UsageError` for fewer than `FEWEST` patients.
    """
    chosen = select(gallery, Criteria(disorders=(disorder,)))
    step = -(-len(chosen.patients) // MOST_PATIENTS)
    if step > 1:
        chosen = chosen.only(chosen.patients[::step])
    return crop_to_png(composite(gallery, chosen, at_least=FEWEST).pixels)
