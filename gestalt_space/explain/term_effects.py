"""How far HPO terms move faces in a space, in units of the spread between people.

A term moves each person's descriptor. The mean of these moves is the term's direction, taken from
one half of the people. In the other half, how far a person is moved along it, divided by the
standard deviation of people without the term along it, is the effect: Cohen's d of the term in the
direction that describes it. Taken from the same people, the direction would fit them too well, and
a term that a space does not see would have an effect.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gestalt_space.errors import UsageError
from gestalt_space.stats.estimates import Estimate
from gestalt_space.stats.resampling import Bootstrap, estimate

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

FEWEST_PEOPLE = 10
"""With fewer in a half, neither a direction nor the spread along it means anything."""


@dataclass(frozen=True, slots=True)
class TermEffect:
    """What a space sees of a term.

    `effect`: the mean move along the term's direction, in standard deviations between people;
    `beyond`: how often the face with the term lies further along it than the face of another person
    without the term, 0..1, 0.5 where nothing is seen; `moved`: the length of the move, as a share
    of the root mean square distance between two people. `people`: who was measured. `groups`: the
    effect in each group of people. `of_person` `(people,)`: the effect in each one, `places` of
    those in the order of all people.
    """

    effect: Estimate
    beyond: Estimate
    moved: float
    people: int
    groups: Mapping[str, Estimate]
    of_person: Floats
    places: NDArray[np.int64]


def term_effect(
    without: NDArray[np.floating],
    with_term: NDArray[np.floating],
    usable: Flags,
    measured: Flags,
    groups: Mapping[str, Flags],
    bootstrap: Bootstrap,
) -> TermEffect:
    """The effect of a term.

    `without`, `with_term`: descriptors `(n, d)` of the same people; `usable` `(n,)`: in whom both
    are to be used; `measured` `(n,)`: who is measured, the others give the direction; `groups`:
    `(n,)` who belongs to each. The intervals are of measured people drawn with replacement. Raises
    `UsageError` for fewer than `FEWEST_PEOPLE` people in a half.
    """
    places, others = np.flatnonzero(usable & measured), np.flatnonzero(usable & ~measured)
    if (fewest := min(len(places), len(others))) < FEWEST_PEOPLE:
        raise UsageError(
            f"A face was found in {fewest} people of a half; {FEWEST_PEOPLE} are needed.",
            "Raise --people, or use another --detector.",
        )
    direction = _moves(without, with_term, others).mean(axis=0)
    direction /= max(float(np.linalg.norm(direction)), np.finfo(float).tiny)
    people, moves = np.asarray(without[places], np.float64), _moves(without, with_term, places)
    there, along = people @ direction, moves @ direction
    between = there.std(ddof=1)
    # Where nobody was moved there is no direction, and nothing to divide by.
    effects = along / between if between else along
    spread = people - people.mean(axis=0)
    distance = np.sqrt(2 * (spread**2).sum() / (len(people) - 1))
    return TermEffect(
        effect=_mean(effects, bootstrap),
        beyond=_mean(_passed(there, along), bootstrap),
        moved=float(np.sqrt((moves**2).sum(axis=1).mean()) / distance),
        people=len(places),
        groups={
            name: _mean(effects[members[places]], bootstrap)
            for name, members in groups.items()
            if members[places].sum() > 1
        },
        of_person=effects,
        places=places,
    )


def difference(one: TermEffect, other: TermEffect, bootstrap: Bootstrap) -> Estimate:
    """How much larger the effect is in one space than in another, in the same people."""
    shared, ones, others = np.intersect1d(one.places, other.places, return_indices=True)
    assert len(shared), "the same people were encoded"  # noqa: S101
    return _mean(one.of_person[ones] - other.of_person[others], bootstrap)


def term_directions(
    without: NDArray[np.floating],
    with_terms: Sequence[NDArray[np.floating]],
    usable: Sequence[Flags],
) -> Floats:
    """`(t, d)`: the mean move of each term, in people in whom it can be used."""
    return np.stack(
        [
            (np.asarray(shown[flags], np.float64) - without[flags]).mean(axis=0)
            for shown, flags in zip(with_terms, usable, strict=True)
        ]
    )


def _moves(
    without: NDArray[np.floating], with_term: NDArray[np.floating], places: NDArray[np.int64]
) -> Floats:
    return np.asarray(with_term[places], np.float64) - np.asarray(without[places], np.float64)


def _passed(there: Floats, along: Floats) -> Floats:
    """`(n,)`: the share of the others, at `there`, whom each one is beyond after the move."""
    ahead = along[:, None] + np.subtract.outer(there, there)
    passed = (ahead > 0) + 0.5 * (ahead == 0)
    np.fill_diagonal(passed, 0.0)
    return np.asarray(passed.sum(axis=1) / (len(passed) - 1), np.float64)


def _mean(values: Floats, bootstrap: Bootstrap) -> Estimate:
    drawn = np.concatenate([weights @ values for weights in bootstrap.weights(len(values))])
    return estimate(float(values.mean()), drawn / len(values))
