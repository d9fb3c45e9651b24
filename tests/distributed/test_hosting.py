from __future__ import annotations

import pickle

from gestalt_space.distributed.hosting import Host, own_version, this_machine
from gestalt_space.errors import ClusterError
from tests.distributed import workers


def unmade() -> Host:
    """As on a machine of Ray, but for what it would change in this process."""
    return Host.__new__(Host)


def test_another_version_of_gestalt_space_is_refused():
    refused = unmade().start(pickle.dumps(workers.doubling), "0.0.1")
    assert refused is not None
    error = pickle.loads(refused)
    assert isinstance(error, ClusterError)
    assert error.message == (
        f"On {this_machine()}: gestalt-space is {own_version()} here, and 0.0.1 where the command "
        "runs."
    )
    assert "Install the same versions" in error.hint


def test_the_same_version_works():
    host = unmade()
    assert host.start(pickle.dumps(workers.machine), own_version()) is None
    name, result = host.run(pickle.dumps(None))
    assert pickle.loads(result) == (name, None)
