from __future__ import annotations

import pytest

from gestalt_space.phenotype.release import Release
from tests.phenotype.made import made_release


@pytest.fixture(scope="session")
def release(tmp_path_factory: pytest.TempPathFactory) -> Release:
    """The release that was made by hand."""
    return made_release(tmp_path_factory.mktemp("hpo") / "release")
