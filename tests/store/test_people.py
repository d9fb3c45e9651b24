"""What is known of patients and photos, as rankings and strata read it."""

from __future__ import annotations

import numpy as np
import sqlalchemy as sa

from gestalt_space.gallery.opened import nothing_to_match
from gestalt_space.store import reads, tail
from gestalt_space.store import tables as t
from gestalt_space.store.engine import Database
from gestalt_space.store.people import (
    Matchable,
    families,
    family_numbers,
    matchable,
    patient_facts,
    photo_facts,
)
from gestalt_space.types import WITHDRAWN, Disorder
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


def test_only_patients_who_have_what_is_ranked_and_consent_can_be_matched(
    database: Database, store: Store
) -> None:
    """A gene that the database knows, of a disorder say, is nobody's gene."""
    store(
        new_photo("P0", 0),
        new_photo("P1", 1, disorders=(Disorder("A"),)),
        new_photo("P2", 2, disorders=(Disorder("A"),), genes=("NIPBL",)),
    )
    with database.writing() as session:
        is_p2 = t.Patient.external_id == "P2"
        session.execute(sa.update(t.Patient).where(is_p2).values(consent=WITHDRAWN))
    with database.reading() as session:
        assert matchable(session, "patient") == Matchable(2, 1)
        assert matchable(session, "disorder") == Matchable(1, 1)
        assert matchable(session, "gene") == Matchable(0, 1)
        told = nothing_to_match(session, "tiny", "gene")
        assert (
            "no patient with a gene to match against: all of them have withdrawn consent"
            in told.message
        )
        assert "no descriptor in the space" in nothing_to_match(session, "tiny", "disorder").message
