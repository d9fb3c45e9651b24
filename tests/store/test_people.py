"""What is known of patients and photos, as rankings and strata read it."""

from __future__ import annotations

import numpy as np

from gestalt_space.store import reads, tail
from gestalt_space.store.engine import Database
from gestalt_space.store.people import families, family_numbers, patient_facts, photo_facts
from tests.galleries import new_photo
from tests.store.conftest import Store


def test_families_and_sites_are_read_in_the_order_asked_for(
    database: Database, store: Store
) -> None:
    store(
        new_photo("P0", 0, family="F1", site="A"),
        new_photo("P1", 1, sex="male"),
        new_photo("P0", 2, site="B"),
        new_photo("P2", 3, family="F1"),
    )
    with database.reading() as session:
        names = reads.patient_names(session)
        keys = sorted(names, key=lambda key: names[key], reverse=True)
        people = patient_facts(session, keys)
        assert families(session, keys).tolist() == ["F1", "", "F1"]
        (space,) = reads.spaces(session)
        ids = tail.rows_after(session, space, -1).ids
        photos = photo_facts(session, space, ids[::-1])
    assert [names[key] for key in keys] == ["P2", "P1", "P0"]
    assert people.family.tolist() == ["F1", "", "F1"]
    assert people.sex.tolist() == ["", "male", ""]
    sites = dict(zip(photos.names.tolist(), photos.sites.tolist(), strict=True))
    assert sites == {"P0-0.png": "A", "P0-2.png": "B", "P1-1.png": "", "P2-3.png": ""}


def test_patients_of_an_unknown_family_are_alone() -> None:
    numbers = family_numbers(np.array(["F", "", "G", "F", ""]))
    assert numbers[0] == numbers[3]
    assert len(set(numbers.tolist())) == 4
    assert sorted(set(numbers.tolist())) == [0, 1, 2, 3]
    assert family_numbers(np.zeros(0, np.str_)).tolist() == []
