from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from multiprocessing import Pipe

import pytest

from gestalt_space.distributed.cluster import Cluster
from gestalt_space.distributed.mapping import workers_of
from gestalt_space.distributed.resources import Resources
from gestalt_space.errors import ClusterLost
from tests.distributed import workers

pytestmark = pytest.mark.skipif(os.name != "posix", reason="Ray is not used on Windows")


@pytest.fixture
def interruptible() -> Iterator[None]:
    """What a shell starts in the background ignores Ctrl-C; here it does not."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("interruptible")
def test_an_interruption_in_the_middle_of_a_message_does_not_wait_for_its_rest():
    ours, theirs = Pipe()
    with theirs:
        # A message of 100 bytes, of which ten have come.
        os.write(theirs.fileno(), (100).to_bytes(4, "big") + bytes(10))
        cluster = Cluster(ours, None, [])
        main = threading.main_thread().ident
        assert main is not None
        interruption = threading.Timer(0.3, signal.pthread_kill, (main, signal.SIGINT))
        interruption.start()
        with (
            pytest.raises(KeyboardInterrupt),
            workers_of(cluster, workers.doubling, Resources()) as made,
        ):
            list(made.map([1], ahead=1))
        with pytest.raises(ClusterLost):
            cluster.receive()
