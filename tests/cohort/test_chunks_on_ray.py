"""Matrices in chunks and statistics on Ray: those of one machine to the last bit, whoever dies on
the way."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from gestalt_space.cohort.chunked_matrix import write_matrix_in_chunks
from gestalt_space.cohort.comparison import compare_groups
from gestalt_space.cohort.matrix import CELL, TILE, similarity_matrix
from gestalt_space.cohort.workers import THREADS, ClusterWorkers
from gestalt_space.errors import ClusterLost, OutputError
from gestalt_space.stats.estimates import finding_records
from tests import made
from tests.cohort import unlucky
from tests.cohort.test_comparison import QUICK, groups

pytest.importorskip("ray")
zarr = pytest.importorskip("zarr")

from gestalt_space.distributed.cluster import open_cluster  # noqa: E402
from tests.distributed.nodes import RayNodes, ray_nodes  # noqa: E402

pytestmark = pytest.mark.lengthy

COUNT = 3 * TILE + CELL + 7
"""Four chunks a side, the last of which are cut off: ten tiles."""
ROWS = made.unit(np.random.default_rng(0), COUNT, 16)
NAMES = [f"p{row}.png" for row in range(COUNT)]


@pytest.fixture(scope="module")
def workers(tmp_path_factory: pytest.TempPathFactory):
    with open_cluster() as cluster:
        yield ClusterWorkers(cluster, tmp_path_factory.mktemp("shared"))


@pytest.fixture(scope="module")
def wanted() -> np.ndarray:
    return similarity_matrix(ROWS).astype(np.float16)


def read(path: Path) -> np.ndarray:
    return zarr.open_array(path, mode="r")[:]


def test_it_is_the_matrix_of_one_machine_to_the_last_bit(workers, wanted, tmp_path: Path):
    path, told = tmp_path / "m.zarr", []
    write_matrix_in_chunks(
        *(ROWS, NAMES, path),
        number="float16",
        workers=workers,
        on_tiles=lambda done, whole: told.append((done, whole)),
    )
    assert np.array_equal(read(path), wanted)
    assert told == [(done, 10) for done in range(11)]
    assert [one.name for one in tmp_path.iterdir()] == ["m.zarr"]
    assert sorted(one.name for one in path.iterdir()) == ["c", "zarr.json"]
    assert all(one.stat().st_mode & 0o077 == 0 for one in (path, *path.rglob("*")))


def test_workers_that_are_killed_lose_and_spoil_nothing(workers, wanted, tmp_path: Path):
    path, killed = tmp_path / "m.zarr", tmp_path / "killed"
    killed.mkdir()
    write_matrix_in_chunks(
        *(ROWS, NAMES, path),
        number="float16",
        workers=unlucky.Unlucky(workers, unlucky.killed_once, killed),
    )
    assert len(list(killed.iterdir())) == 2
    assert np.array_equal(read(path), wanted)


def test_what_ray_began_threads_go_on_with_and_the_other_way_round(workers, wanted, tmp_path: Path):
    for first, second in ((workers, THREADS), (THREADS, workers)):
        path = tmp_path / f"{type(first).__name__}.zarr"

        def stop(done: int, _: int) -> None:
            if done == 4:
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            write_matrix_in_chunks(
                ROWS, NAMES, path, number="float16", workers=first, on_tiles=stop
            )
        part = path.with_name(f"{path.name}.part")
        assert not list(part.glob("descriptors-*")), "biometric data is not left behind"
        told: list[int] = []
        write_matrix_in_chunks(
            *(ROWS, NAMES, path),
            number="float16",
            workers=second,
            on_tiles=lambda done, _, told=told: told.append(done),
        )
        assert told[0] >= 4
        assert np.array_equal(read(path), wanted)


def test_a_folder_that_machines_do_not_share_is_told(workers, tmp_path: Path):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    with pytest.raises(OutputError, match="by another machine, but is not here") as raised:
        write_matrix_in_chunks(
            *(ROWS, NAMES, tmp_path / "m.zarr"),
            workers=unlucky.Unlucky(workers, unlucky.on_another_disk, elsewhere),
        )
    assert "share" in str(raised.value.hint)


def test_a_machine_without_the_folder_is_told(workers, tmp_path: Path):
    with pytest.raises(OutputError, match="does not see") as raised:
        write_matrix_in_chunks(
            *(ROWS, NAMES, tmp_path / "m.zarr"),
            workers=unlucky.Unlucky(workers, unlucky.without_the_folder),
        )
    assert "share" in str(raised.value.hint)
    assert list(tmp_path.iterdir()) == []


def test_a_disk_that_fills_on_a_worker_is_told_and_gone_on_with(workers, wanted, tmp_path: Path):
    path = tmp_path / "m.zarr"
    options = {"number": "float16", "workers": unlucky.Unlucky(workers, unlucky.full_disk)}
    with pytest.raises(OutputError, match="No space left on device") as raised:
        write_matrix_in_chunks(ROWS, NAMES, path, **options)
    assert "Finished chunks are kept" in str(raised.value.hint)
    write_matrix_in_chunks(ROWS, NAMES, path, number="float16", workers=workers)
    assert np.array_equal(read(path), wanted)


def test_a_comparison_is_that_of_one_machine(
    workers, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    monkeypatch.setattr("gestalt_space.cohort.cross_accuracy._CELLS", 500)
    monkeypatch.setattr("gestalt_space.cohort.pair_figures.BLOCK", 5)
    a, b = groups(1, shift=1.0)
    killed = tmp_path / "killed"
    killed.mkdir()
    found = [
        compare_groups(a, b, QUICK, workers=who)
        for who in (THREADS, workers, unlucky.Unlucky(workers, unlucky.killed_once, killed))
    ]
    assert len(list(killed.iterdir())) == 2
    assert len({repr(finding_records(one.findings)) for one in found}) == 1
    assert len({repr(one.disorders) for one in found}) == 1


def test_a_node_that_is_killed_loses_and_spoils_nothing(nodes: RayNodes, wanted, tmp_path: Path):
    path, extra = tmp_path / "m.zarr", nodes.add()
    with open_cluster(nodes.address) as cluster:

        def kill(done: int, _: int) -> None:
            if done == 3:
                nodes.kill(extra)

        write_matrix_in_chunks(
            *(ROWS, NAMES, path),
            number="float16",
            workers=ClusterWorkers(cluster, tmp_path),
            on_tiles=kill,
        )
    assert np.array_equal(read(path), wanted)
    assert [one.name for one in tmp_path.iterdir()] == ["m.zarr"]


@pytest.mark.slow
def test_a_cluster_that_is_lost_half_way_is_told_and_gone_on_with(wanted, tmp_path: Path):
    path = tmp_path / "m.zarr"
    with ray_nodes(1) as nodes, open_cluster(nodes.address, patience=10) as cluster:

        def kill(done: int, _: int) -> None:
            if done == 2:
                nodes.kill_head()

        with pytest.raises(ClusterLost, match="is gone") as raised:
            write_matrix_in_chunks(
                *(ROWS, NAMES, path),
                number="float16",
                workers=unlucky.Unlucky(ClusterWorkers(cluster, tmp_path), unlucky.stuck, 2),
                on_tiles=kill,
            )
    assert "finished work is kept" in str(raised.value.hint)
    told: list[int] = []
    write_matrix_in_chunks(
        ROWS, NAMES, path, number="float16", on_tiles=lambda done, _: told.append(done)
    )
    assert told[0] == 2
    assert np.array_equal(read(path), wanted)
