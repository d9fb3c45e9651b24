from __future__ import annotations

from collections.abc import Iterator

import pytest

from gestalt_space.distributed.cluster import Cluster, open_cluster


@pytest.fixture(scope="session")
def local() -> Iterator[Cluster]:
    """A Ray of the test's own on this machine."""
    with open_cluster() as cluster:
        yield cluster
