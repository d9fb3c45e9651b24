"""Who the patients are, in parts of which the newest holds, against a plain dictionary."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from gestalt_space.gallery.people import FACTS, KINDS, Arrays, People, arrays_of, merged
from gestalt_space.index.hashing import hash64
from gestalt_space.store.tail import PeopleRows

NAMES = ("", "a", "B", "East Asian", "east asian", "Zoé")


@dataclass(frozen=True)
class Person:
    """What a part says of a patient."""

    facts: dict[str, str]
    groups: dict[str, frozenset[int]] = field(default_factory=dict)

    def hash(self, fact: str) -> int:
        text = self.facts[fact]
        return 0 if not text else hash64(text if fact == "family" else text.lower())


Part = dict[int, Person]


@st.composite
def parts(draw: st.DrawFn) -> list[Part]:
    """Some parts that speak of patients again."""
    groups = st.frozensets(st.integers(1, 9), max_size=4)
    person = st.builds(
        Person,
        st.fixed_dictionaries({fact: st.sampled_from(NAMES) for fact in FACTS}),
        st.fixed_dictionaries(dict.fromkeys(KINDS, groups)),
    )
    part = st.dictionaries(st.integers(1, 15), person, max_size=8)
    return draw(st.lists(part, max_size=4))


def written(part: Part) -> Arrays:
    keys = sorted(part)

    def pairs(kind: str) -> np.ndarray:
        found = [(key, group) for key in keys for group in sorted(part[key].groups[kind])]
        return np.array(found, np.int64).reshape(-1, 2)

    return arrays_of(
        PeopleRows(
            keys=np.array(keys, np.int64),
            disorders=pairs("disorder"),
            genes=pairs("gene"),
            **{fact: tuple(part[key].facts[fact] for key in keys) for fact in FACTS},
        )
    )


def check(people: People, true: Part, asked: list[int]) -> None:
    keys = np.array(asked, np.int64)
    for fact in FACTS:
        expected = [true[key].hash(fact) if key in true else 0 for key in asked]
        assert people.fact(fact, keys).tolist() == expected
    for kind in KINDS:
        which, groups = people.groups_of(kind, keys)
        assert sorted(zip(which.tolist(), groups.tolist(), strict=True)) == sorted(
            (place, group)
            for place, key in enumerate(asked)
            if key in true
            for group in true[key].groups[kind]
        )
        both = people.pairs(kind)
        assert sorted(zip(both[0].tolist(), both[1].tolist(), strict=True)) == sorted(
            (key, group) for key, person in true.items() for group in person.groups[kind]
        )
        for group in range(11):
            members = people.members_of(kind, group).tolist()
            assert sorted(members) == sorted(
                key for key, person in true.items() if group in person.groups[kind]
            )
    assert sorted(people.pairs("patient")[0].tolist()) == sorted(true)
    assert people.last_key == max(true, default=-1)


@settings(max_examples=300, deadline=None)
@given(told=parts(), asked=st.lists(st.integers(-1, 17), max_size=8))
def test_what_the_newest_part_says_holds(told: list[Part], asked: list[int]) -> None:
    true: Part = {}
    for part in told:
        true |= part
    check(People(tuple(map(written, told))), true, asked)


@settings(max_examples=200, deadline=None)
@given(
    told=parts(),
    asked=st.lists(st.integers(-1, 17), max_size=8),
    gone=st.sets(st.integers(1, 16), max_size=5),
)
def test_several_parts_become_one_without_who_is_gone(
    told: list[Part], asked: list[int], gone: set[int]
) -> None:
    true: Part = {}
    for part in told:
        true |= part
    true = {key: person for key, person in true.items() if key not in gone}
    made = merged(list(map(written, told)), np.array(sorted(gone), np.int64))
    check(People((made,)), true, asked)
    again = written(true)
    assert made.keys() == again.keys()
    assert all(np.array_equal(made[name], again[name]) for name in made)


def test_everybody_is_a_patient_of_their_own() -> None:
    people = People(())
    which, groups = people.groups_of("patient", np.array([5, 7]))
    assert (which.tolist(), groups.tolist()) == ([0, 1], [5, 7])
    assert people.members_of("patient", 5).tolist() == [5]
    assert people.members_of("disorder", 5).tolist() == []
    assert people.last_key == -1
