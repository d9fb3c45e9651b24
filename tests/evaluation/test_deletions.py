"""Ranks without a unit, against galleries that lack it."""

from __future__ import annotations

import numpy as np
import pytest

from gestalt_space.evaluation.cases import ask, find_cases, patient_probes, photo_probes
from gestalt_space.evaluation.deletions import FOLLOWED
from gestalt_space.evaluation.units import draw_units
from tests.evaluation.made_data import random_data


@pytest.mark.parametrize("as_one", [True, False])
def test_ranks_are_those_of_the_gallery_without_the_unit(as_one: bool) -> None:
    """Patients have up to two of nine disorders, most of them small, and relatives."""
    data = random_data(3, patients=48, disorders=9)
    families = np.arange(48)
    families[1:8:2] = families[0:8:2]
    units = draw_units(data.grouping, families)
    asked = data.grouping.patients
    probes = (patient_probes if as_one else photo_probes)(
        data.descriptors, data.patient_of_row, asked
    )
    cases, _ = find_cases(probes.patients, data.grouping, data.grouping)
    answers = ask(
        probes, cases, data.descriptors, data.grouping, ["nearest", "patient-mean"], units=units
    )
    assert set(answers.deletions) == FOLLOWED
    own = units.of_patient[cases.patients]
    keys = list(zip(cases.probes.tolist(), cases.groups.tolist(), strict=True))
    seen = 0
    for unit in range(len(units.strata)):
        kept = units.of_patient[data.patient_of_row] != unit
        without = data.grouping.restricted(kept)
        still, _ = find_cases(probes.patients, without, data.grouping)
        found = ask(probes, still, data.descriptors, without, sorted(FOLLOWED))
        for how in sorted(FOLLOWED):
            gone = answers.deletions[how]
            told = {
                keys[case]: int(rank)
                for case, rank in zip(
                    gone.cases[gone.units == unit], gone.ranks[gone.units == unit], strict=True
                )
            }
            places = zip(still.probes.tolist(), still.groups.tolist(), strict=True)
            ranks = dict(zip(places, found.ranks[how].tolist(), strict=True))
            for case in np.flatnonzero(own != unit):
                key = keys[case]
                before = int(answers.ranks[how][case])
                # Ranks of cases whose patients the unit is kin to by another disorder are theirs.
                assert told.get(key, before) == ranks.get(key, 0), (unit, how, key)
                seen += key in told
    assert seen > 100


def test_cases_that_are_chosen_are_counted_anew() -> None:
    data = random_data(5)
    units = draw_units(data.grouping, np.arange(len(data.patients)))
    probes = patient_probes(data.descriptors, data.patient_of_row, data.grouping.patients)
    cases, _ = find_cases(probes.patients, data.grouping, data.grouping)
    answers = ask(probes, cases, data.descriptors, data.grouping, ["nearest"], units=units)
    which = np.arange(len(cases.patients)) % 3 == 1
    some = answers.deletions["nearest"].of(which)
    assert len(some.cases)
    everything = answers.deletions["nearest"]
    kept = which[everything.cases]
    assert np.array_equal(np.flatnonzero(which)[some.cases], everything.cases[kept])
    assert np.array_equal(some.ranks, everything.ranks[kept])
