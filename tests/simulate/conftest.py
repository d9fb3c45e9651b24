"""The model of persons that comes with gestalt-space, and one of drawn faces, once a session."""

from __future__ import annotations

import numpy as np
import pytest

from gestalt_space.simulate.persons import Persons, Portrait
from tests.simulate.faces import cartoon


@pytest.fixture(scope="session")
def builtin() -> Persons:
    return Persons.builtin()


@pytest.fixture(scope="session")
def drawn() -> Persons:
    """Fitted to 64 faces of `cartoon`."""
    faces = [cartoon(seed) for seed in range(64)]
    return Persons.fit([face for face, _ in faces], [labels for _, labels in faces])


@pytest.fixture(scope="session")
def portrait(builtin: Persons) -> Portrait:
    """A face whose landmarks are not the mean's: not to be changed by a test."""
    return builtin.portrait(
        builtin.sample(np.random.default_rng(5), sex="female", age_years=9, ancestry="white"),
        np.random.default_rng(6),
    )
