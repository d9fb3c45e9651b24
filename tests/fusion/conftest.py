from __future__ import annotations

import pytest

from gestalt_space.phenotype.ranking import Ranker
from tests.phenotype.made import made_release


@pytest.fixture(scope="session")
def ranker(tmp_path_factory: pytest.TempPathFactory) -> Ranker:
    """A ranker of the release that was made by hand."""
    return Ranker(made_release(tmp_path_factory.mktemp("hpo") / "release"))
