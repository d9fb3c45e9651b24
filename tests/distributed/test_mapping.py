from __future__ import annotations

import os
import subprocess
import sys
import time
from functools import partial

import pytest

from gestalt_space.distributed.cluster import Cluster
from gestalt_space.distributed.mapping import ordered_map, workers_of
from gestalt_space.distributed.resources import Resources
from gestalt_space.errors import ClusterError, ModelNotInstalled, PhotoDamaged, WorkerDied
from tests.distributed import workers

pytestmark = pytest.mark.lengthy


def test_results_come_in_order_from_all_workers(local: Cluster):
    found = list(ordered_map(local, range(30), partial(workers.doubling, 0.02), ahead=8))
    assert [one.item for one in found] == list(range(30))
    assert [one.value[0] for one in found] == [2 * item for item in range(30)]
    assert len({one.value[1] for one in found}) == sum(node.cpus for node in local.nodes)
    assert {one.node for one in found} == {local.nodes[0].name}


def test_no_more_items_are_taken_than_may_be_out(local: Cluster, tmp_path):
    taken = []

    def items():
        for item in range(20):
            taken.append(item)
            yield item

    results = ordered_map(local, items(), partial(workers.marking, tmp_path, 0.0), ahead=3)
    next(results)
    time.sleep(0.5)
    assert len(taken) <= 4
    assert len(list(tmp_path.iterdir())) <= 4
    results.close()


def test_an_error_is_its_item_s_own(local: Cluster):
    found = list(ordered_map(local, range(5), workers.failing, ahead=4))
    assert [one.value for one in found] == [0, None, 2, None, 4]
    assert isinstance(found[1].error, PhotoDamaged)
    assert (found[1].error.message, found[1].error.hint) == (
        "This one is cut off.",
        "Copy it again.",
    )
    assert type(found[3].error) is ClusterError
    assert "ZeroDivisionError: three" in found[3].error.message
    assert "in work" in found[3].error.__notes__[0]


def test_items_of_a_worker_that_died_go_to_another_one(local: Cluster, tmp_path):
    found = list(ordered_map(local, range(9), partial(workers.dying_once, tmp_path), ahead=6))
    assert [one.value for one in found] == list(range(9))
    times = {item: len(list(tmp_path.glob(f"{item}-*"))) for item in range(9)}
    assert {times[item] for item in (0, 3, 6)} == {2}
    # A result may be lost with its worker; then its item is done again.
    assert {times[item] for item in (1, 2, 4, 5, 7, 8)} <= {1, 2}


def test_an_item_that_kills_each_worker_is_its_own_failure(local: Cluster):
    found = list(ordered_map(local, range(6), partial(workers.dying, 2), ahead=6))
    assert [one.value for one in found] == [0, 1, None, 3, 4, 5]
    assert isinstance(found[2].error, WorkerDied)


def test_a_worker_that_cannot_be_made_ends_the_map(local: Cluster):
    with pytest.raises(
        ModelNotInstalled, match=r"^On \S+: This machine has no such model"
    ) as caught:
        list(ordered_map(local, range(3), workers.unmade, ahead=2))
    assert caught.value.hint == "Copy it."


def test_workers_that_die_before_they_are_made_end_the_map(local: Cluster):
    with pytest.raises(ClusterError, match="3 workers died at their start"):
        list(ordered_map(local, range(3), workers.dying_at_start, ahead=2))


def test_the_cluster_serves_again_after_each_of_these(local: Cluster):
    for make in (workers.unmade, workers.dying_at_start):
        with pytest.raises((ClusterError, ModelNotInstalled)):
            list(ordered_map(local, range(3), make, ahead=2))
        found = list(ordered_map(local, range(3), workers.doubling, ahead=2))
        assert [one.value[0] for one in found] == [0, 2, 4]


def test_a_map_may_run_while_another_one_waits(local: Cluster):
    found = []
    with workers_of(local, workers.doubling, Resources()) as both:
        for one in both.map(range(4), ahead=3):
            found.append(one.value[0])
            found += [inner.value[0] for inner in both.map([10 * one.item], ahead=1)]
    assert found == [0, 0, 2, 20, 4, 40, 6, 60]


def test_a_worker_uses_one_core_and_sees_no_gpu(local: Cluster):
    (told,) = ordered_map(local, [None], workers.about, ahead=1)
    assert told.value == {"cores": 1, "cv2": 1, "pools": [1], "gpus": ""}


def test_a_map_of_nothing(local: Cluster):
    assert list(ordered_map(local, [], workers.doubling, ahead=2)) == []


def test_what_was_left_of_a_map_is_not_taken_for_the_next_one(local: Cluster):
    results = ordered_map(local, range(9), workers.doubling, ahead=9)
    next(results)
    results.close()
    found = list(ordered_map(local, range(3), partial(workers.dying, 7), ahead=3))
    assert [one.value for one in found] == [0, 1, 2]


def test_a_package_that_a_worker_lacks(local: Cluster):
    with pytest.raises(ClusterError, match=r"lacks a package: .*'no_such_package'") as caught:
        list(ordered_map(local, range(3), workers.without_package, ahead=2))
    assert "Install the same versions on all machines" in caught.value.hint


def test_a_result_that_cannot_travel_is_its_item_s_own_failure(local: Cluster):
    found = list(ordered_map(local, range(5), workers.secretive, ahead=4))
    assert [one.value for one in found] == [0, None, 2, None, 4]
    assert "TypeError" in found[1].error.message


def test_items_that_cannot_be_had_end_the_map_alone(local: Cluster):
    def items():
        yield from range(4)
        raise OSError("The disk is gone.")

    with pytest.raises(OSError, match="The disk is gone"):
        list(ordered_map(local, items(), workers.doubling, ahead=3))
    found = list(ordered_map(local, range(3), workers.doubling, ahead=2))
    assert [one.value[0] for one in found] == [0, 2, 4]


def test_a_consumer_that_fails_leaves_the_cluster_usable(local: Cluster):
    def consume():
        for _ in ordered_map(local, range(50), workers.doubling, ahead=8):
            raise RuntimeError("No more.")

    with pytest.raises(RuntimeError, match="No more"):
        consume()
    found = list(ordered_map(local, range(3), workers.doubling, ahead=2))
    assert [one.value[0] for one in found] == [0, 2, 4]


STRANGER = """
import sys
from ray._raylet import GcsClient
GcsClient(sys.argv[1]).internal_kv_get(b"session_name", b"session")
"""


def test_nobody_else_uses_the_ray_of_this_process(local: Cluster):
    (address,) = ordered_map(local, [None], workers.gcs_address, ahead=1)
    stranger = subprocess.run(
        [sys.executable, "-c", STRANGER, address.value],
        env={**os.environ, "RAY_AUTH_MODE": "disabled"},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert stranger.returncode != 0
    assert "nauthenticated" in stranger.stderr or "token" in stranger.stderr
