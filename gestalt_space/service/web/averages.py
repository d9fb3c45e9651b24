"""Average faces of disorders, as a page shows them beside a candidate."""

from __future__ import annotations

import numpy as np

from gestalt_space.cohort.composite import FEWEST, composite_of
from gestalt_space.errors import NotInGallery
from gestalt_space.faces.crops import crop_to_png
from gestalt_space.gallery.intake.disorders import parse_disorder
from gestalt_space.home import Gallery
from gestalt_space.store.people import family_numbers
from gestalt_space.store.reads import list_patients
from gestalt_space.types import WITHDRAWN

MOST_PATIENTS = 40
"""Patients whose faces are averaged while a reader waits."""


def average_face(gallery: Gallery, disorder: str) -> bytes:
    """The average face of a disorder's patients as PNG; of many, of `MOST_PATIENTS` at even
    distances by identifier.

    Raises `NotInGallery`, and `UsageError` for fewer than `FEWEST` patients.
    """
    gallery.database.require()
    code = parse_disorder(disorder)
    with gallery.database.reading() as session:
        everybody = list_patients(session, disorder=code)
        found = [one for one in everybody if one.consent != WITHDRAWN]
    if not found:
        raise NotInGallery(
            f"No patient has the disorder {code}.", "Choose one that the ranking lists."
        )
    found = found[:: -(-len(found) // MOST_PATIENTS)]
    numbers = family_numbers(np.array([one.family or "" for one in found], dtype=np.str_))
    group = {one.patient: int(number) for one, number in zip(found, numbers, strict=True)}
    return crop_to_png(composite_of(gallery, group, at_least=FEWEST).pixels)
