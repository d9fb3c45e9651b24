"""Milvus, beside what holds for every engine: files, locks, sockets, and what goes wrong."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace

import grpc
import numpy as np
import psutil
import pytest
from pymilvus import MilvusException

from gestalt_space.errors import EngineAway, EngineFull, EngineUnsuitable, UsageError
from gestalt_space.index.engines import lite_rows, lite_server, milvus_connections
from gestalt_space.index.engines.contract import NOTHING, CollectionPlace, EnginePosition
from gestalt_space.index.engines.milvus import MOST_NUMBERS, MilvusEngine, open_milvus
from gestalt_space.index.engines.milvus_rows import POSITIONS
from tests.index.engines.opened import DIM, GALLERY, SPACE, milvus_server
from tests.index.engines.test_contract import part, some_rows

pytest.importorskip("milvus_lite")

pytestmark = pytest.mark.lengthy

Open = Callable[..., MilvusEngine]

FILL = """
import sys, time
import numpy as np
from gestalt_space.index.engines.contract import CollectionPlace, EngineRows
from gestalt_space.index.engines.milvus import open_milvus
engine = open_milvus(CollectionPlace(sys.argv[1], sys.argv[2], 16, sys.argv[3]))
engine.create()
ids = np.arange(1, 17)
engine.add(EngineRows(ids, ids, np.zeros(16), ids, np.eye(16, dtype=np.float32)))
engine.settle(16, 0)
ids = ids + 16
engine.add(EngineRows(ids, ids, np.zeros(16), ids, -np.eye(16, dtype=np.float32)))
print("filled", flush=True)
sys.stdin.read()
engine.close()
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "milvus"


@pytest.fixture
def opened(folder: Path) -> Iterator[Open]:
    """Opens the collection of a folder; all are closed at the end."""
    engines = []

    def open_one(place: Path | str = folder, dim: int = DIM, wait: float = 10.0) -> MilvusEngine:
        engines.append(open_milvus(CollectionPlace(str(place), SPACE, dim, GALLERY), wait))
        return engines[-1]

    yield open_one
    for engine in engines:
        engine.close()


@pytest.fixture
def short_lived() -> Iterator[dict[str, str]]:
    """An environment for processes that do not clean up after themselves."""
    with tempfile.TemporaryDirectory() as folder:
        yield os.environ | {"TMPDIR": folder}


@pytest.fixture
def other_process(folder: Path, short_lived: dict[str, str]) -> Iterator[subprocess.Popen[str]]:
    """One that has 32 rows in the folder, of which it has settled 16, and keeps it open."""
    process = subprocess.Popen(
        [sys.executable, "-c", FILL, str(folder), SPACE, GALLERY],
        env=short_lived,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "filled\n"
        yield process
    finally:
        process.kill()
        process.communicate()


def files_with(folder: Path, vector: np.ndarray) -> list[Path]:
    """The files that have the numbers of a vector, or a quarter of them."""
    quarters = [one.tobytes() for one in np.split(vector, 4)]
    return [
        path
        for path in folder.rglob("*")
        if path.is_file() and any(one in path.read_bytes() for one in quarters)
    ]


@pytest.mark.parametrize("closes", [False, True])
def test_after_a_wipe_no_file_has_what_was_removed(
    opened: Open, folder: Path, rng: np.random.Generator, monkeypatch, closes: bool
):
    monkeypatch.setattr(lite_rows, "FEWEST_ROWS", 8)
    monkeypatch.setattr(lite_rows, "BLOCK_NUMBERS", 8 * DIM)
    rows = some_rows(rng, 100)
    engine = opened()
    engine.create()
    engine.add(rows)
    engine.settle(100, 0)
    if closes:
        # Rows are in the log before, in files of their own after.
        engine.close()
        engine = opened()
    gone = np.array([1, 17, 18, 100])
    assert all(files_with(folder, rows.vectors[key - 1]) for key in gone)
    engine.remove(gone)
    engine.wipe()
    assert not any(files_with(folder, rows.vectors[key - 1]) for key in gone)
    left = np.setdiff1d(rows.ids, gone)
    assert all(files_with(folder, rows.vectors[key - 1]) for key in left)
    engine.settle(101, 1)
    engine.close()
    engine = opened()
    assert engine.ids().tolist() == left.tolist()
    assert engine.position() == EnginePosition(SPACE, DIM, GALLERY, 101, 1, 96)
    hits = engine.nearest(rows.vectors[40], 200)
    assert sorted(hits.ids.tolist()) == left.tolist()
    assert not any(files_with(folder, rows.vectors[key - 1]) for key in gone)


@pytest.mark.parametrize("stopped_at", ["insert", "flush", "drop_partition"])
def test_a_wipe_that_was_stopped_is_done_again(
    opened: Open, folder: Path, rng: np.random.Generator, monkeypatch, stopped_at: str
):
    rows = some_rows(rng, 100)
    engine = opened()
    engine.create()
    engine.add(rows)
    engine.close()
    engine = opened()
    engine.remove(np.array([5]))
    engine.settle(100, 1)
    from pymilvus import MilvusClient, MilvusException

    real, calls = getattr(MilvusClient, stopped_at), []

    def stop(self, *args, **options):
        calls.append(args)
        raise MilvusException(message="stopped")

    monkeypatch.setattr(MilvusClient, stopped_at, stop)
    with pytest.raises(EngineUnsuitable):
        engine.wipe()
    assert calls
    monkeypatch.setattr(MilvusClient, stopped_at, real)
    left = [key for key in rows.ids.tolist() if key != 5]
    assert engine.ids().tolist() == left
    assert sorted(engine.nearest(rows.vectors[4], 200).ids.tolist()) == left
    assert files_with(folder, rows.vectors[4])
    engine.wipe()
    assert not files_with(folder, rows.vectors[4])
    assert engine.ids().tolist() == left
    assert engine.position() == EnginePosition(SPACE, DIM, GALLERY, 100, 1, 99)


def test_a_wipe_writes_only_what_was_noted(
    opened: Open, folder: Path, rng: np.random.Generator, monkeypatch
):
    monkeypatch.setattr(lite_rows, "FEWEST_ROWS", 8)
    monkeypatch.setattr(lite_rows, "BLOCK_NUMBERS", 8 * DIM)
    engine = opened()
    engine.create()
    engine.add(some_rows(rng, 100))
    engine.close()
    before = set(folder.rglob("block_*_*"))
    engine = opened()
    engine.remove(np.array([20, 4711]))
    engine.wipe()
    engine.wipe()
    assert {path.name for path in before - set(folder.rglob("block_*_*"))} == {"block_2_0"}
    assert {path.name for path in set(folder.rglob("block_*_*")) - before} == {"block_2_1"}


def test_what_was_added_is_there_after_a_process_is_killed(
    other_process: subprocess.Popen[str], opened: Open
):
    other_process.send_signal(signal.SIGKILL)
    other_process.wait()
    engine = opened()
    assert engine.position() == EnginePosition(SPACE, DIM, GALLERY, 16, 0, 32)
    assert engine.ids().tolist() == [*range(1, 33)]
    assert engine.nearest(-np.eye(DIM, dtype=np.float32)[3], 1).ids.tolist() == [20]


def test_one_process_has_a_folder_at_a_time(
    other_process: subprocess.Popen[str], opened: Open, folder: Path
):
    engine = opened(wait=0.2)
    for ask in (engine.position, engine.create, engine.ids):
        with pytest.raises(EngineAway, match="Another process") as error:
            ask()
        assert str(folder) in error.value.message
        assert "Milvus server" in error.value.hint
    other_process.communicate("", timeout=20)
    assert engine.position() == EnginePosition(SPACE, DIM, GALLERY, 16, 0, 32)


def test_whoever_waits_gets_the_folder_when_it_is_free(
    other_process: subprocess.Popen[str], opened: Open
):
    engine = opened(wait=20)
    ending = threading.Timer(0.5, lambda: other_process.communicate(""))
    ending.start()
    position = engine.position()
    ending.join()
    assert position == EnginePosition(SPACE, DIM, GALLERY, 16, 0, 32)


def test_whoever_forgets_to_close_it_loses_nothing(
    other_process: subprocess.Popen[str],
    opened: Open,
    folder: Path,
    short_lived: dict[str, str],
):
    other_process.kill()
    other_process.wait()
    forgetful = FILL.replace("sys.stdin.read()", "raise SystemExit(3)")
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", forgetful, str(folder), SPACE, GALLERY],
        env=short_lived,
        timeout=60,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (3, "")
    assert opened().position() == EnginePosition(SPACE, DIM, GALLERY, 16, 0, 32)


def test_nobody_else_can_ask_it_and_nothing_is_left(
    opened: Open, folder: Path, tmp_path: Path, monkeypatch
):
    places = tmp_path / "t"
    places.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(places))
    before = set(threading.enumerate())
    here = psutil.Process()
    others = {one.pid for one in here.children()}
    engine = opened()
    engine.create()
    assert not [one for one in here.net_connections("inet") if one.status == psutil.CONN_LISTEN]
    (socket,) = places.iterdir()
    assert socket.stat().st_mode & 0o777 == folder.stat().st_mode & 0o777 == 0o700
    engine.close()
    assert not list(places.iterdir())
    assert set(threading.enumerate()) <= before
    assert {one.pid for one in here.children()} <= others


def test_a_client_may_ask_often_whether_the_server_is_there(
    opened: Open, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    opened().position()
    (socket,) = tmp_path.glob("gestalt-*/socket")
    options = [
        ("grpc.keepalive_time_ms", 200),
        ("grpc.keepalive_permit_without_calls", 1),
        ("grpc.http2.max_pings_without_data", 0),
    ]
    states: list[str] = []
    with grpc.insecure_channel(f"unix:{socket}", options=options) as channel:
        channel.subscribe(lambda state: states.append(state.name), try_to_connect=True)
        # It would be put off after three.
        time.sleep(5)
    # On a busy machine one sees it connect; a client that was put off would start again.
    assert [state for state in states if state != "CONNECTING"] == ["IDLE", "READY"]


def test_a_full_disk_loses_nothing(
    opened: Open, folder: Path, rng: np.random.Generator, monkeypatch
):
    from milvus_lite.storage.wal import WAL

    rows = some_rows(rng, 100)
    engine = opened()
    engine.create()
    engine.add(part(rows, np.arange(50)))
    engine.settle(50, 0)
    real = WAL.write_insert

    def full(self, batch):
        # Half of it is written.
        real(self, batch.slice(0, batch.num_rows // 2))
        self._data_sink.write(b"half of a batch")
        self._data_sink.flush()
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(WAL, "write_insert", full)
    with pytest.raises(EngineFull, match="no room") as error:
        engine.add(part(rows, np.arange(50, 100)))
    assert "space" in error.value.hint
    monkeypatch.setattr(WAL, "write_insert", real)
    position = engine.position()
    assert position is not None
    assert (position.sequence, position.epoch) == (50, 0)
    assert {*range(1, 51)} <= {*engine.ids().tolist()}
    engine.add(part(rows, np.arange(50, 100)))
    engine.settle(100, 0)
    engine.close()
    engine = opened()
    assert engine.position() == EnginePosition(SPACE, DIM, GALLERY, 100, 0, 100)


def broken(path: Path, count: int = 40) -> None:
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2] + b"\0" * count)


@pytest.mark.parametrize("name", ["*.parquet", "schema.json", "manifest.json*"])
@pytest.mark.parametrize("of", ["gestalt_positions", f"gestalt_{SPACE[:32]}"])
def test_a_damaged_folder_is_told_and_can_be_filled_again(
    opened: Open, folder: Path, rng: np.random.Generator, name: str, of: str
):
    rows = some_rows(rng, 100)
    engine = opened()
    engine.create()
    engine.add(rows)
    engine.settle(100, 0)
    engine.close()
    files = list((folder / "collections" / of).rglob(name))
    assert files
    for path in files:
        broken(path)
    engine = opened()
    with pytest.raises(EngineUnsuitable, match="cannot be used") as error:
        engine.nearest(rows.vectors[0], 5)
    assert str(folder) in error.value.message
    assert error.value.hint
    engine.drop(of_any=True)
    assert engine.position() is None
    engine.create()
    engine.add(rows)
    assert engine.position() == EnginePosition(SPACE, DIM, GALLERY, NOTHING, 0, 100)


def test_a_log_that_is_cut_off_is_seen_by_the_number_of_rows(
    other_process: subprocess.Popen[str], opened: Open, folder: Path
):
    other_process.kill()
    other_process.wait()
    (log,) = (path for path in folder.rglob("wal_data_*") if "positions" not in str(path))
    log.write_bytes(log.read_bytes()[:-1000])
    position = opened().position()
    assert position is not None
    assert position.sequence == 16
    assert position.rows < 32


@pytest.mark.parametrize("text", ["", "no record", '{"space": "other", "rows": 1}', "[]"])
def test_where_no_position_can_be_read_it_follows_nothing_and_is_of_no_gallery(
    opened: Open, rng: np.random.Generator, text: str
):
    engine = opened()
    engine.create()
    engine.add(some_rows(rng, 100))
    engine.settle(100, 0)
    with engine._connection.asking() as client:
        found = client.query(POSITIONS, filter="record != ''")
        if text:
            client.upsert(POSITIONS, [{**found[0], "record": text}])
        else:
            client.delete(POSITIONS, ids=[found[0]["collection"]])
    assert engine.position() == EnginePosition(SPACE, DIM, "", NOTHING, 0, 100)
    with pytest.raises(EngineUnsuitable, match="another gallery") as error:
        engine.settle(101, 2)
    assert "--anew" in error.value.hint
    engine.drop(of_any=True)
    engine.create()
    assert engine.position() == EnginePosition(SPACE, DIM, GALLERY, NOTHING, 0, 0)


def test_more_numbers_than_milvus_keeps_are_refused(opened: Open):
    with pytest.raises(EngineUnsuitable, match="32,768") as error:
        opened(dim=MOST_NUMBERS + 1).create()
    assert error.value.hint


def test_as_many_numbers_as_milvus_keeps_are_kept(opened: Open, rng: np.random.Generator):
    rows = some_rows(rng, 70, dim=MOST_NUMBERS)
    engine = opened(dim=MOST_NUMBERS)
    engine.create()
    engine.add(rows)
    assert engine.nearest(rows.vectors[69], 1).ids.tolist() == [70]


def test_a_folder_that_cannot_be_made_is_told(opened: Open, tmp_path: Path):
    (tmp_path / "file").write_text("")
    with pytest.raises(EngineAway, match="cannot open") as error:
        opened(tmp_path / "file").create()
    assert error.value.hint


def test_what_is_not_installed_is_named(monkeypatch, opened: Open):
    monkeypatch.setattr(lite_server, "find_spec", lambda name: None)
    with pytest.raises(UsageError, match="milvus_lite") as error:
        opened()
    assert "--no-deps milvus-lite" in error.value.hint
    monkeypatch.setattr(milvus_connections, "find_spec", lambda name: None)
    with pytest.raises(UsageError, match="pymilvus") as error:
        opened("http://127.0.0.1:1")
    assert "gestalt-space[milvus]" in error.value.hint


def test_a_server_that_is_away_is_told_soon_and_its_token_is_not(opened: Open):
    engine = opened("http://user:s%40cret@127.0.0.1:1", wait=1.0)
    begun = time.monotonic()
    with pytest.raises(EngineAway, match=r"http://127\.0\.0\.1:1 does not answer") as error:
        engine.position()
    assert time.monotonic() - begun < 10
    told = f"{error.value.message} {error.value.hint}"
    assert "cret" not in told
    assert "user" not in told


class Refusal(grpc.RpcError):
    def code(self) -> grpc.StatusCode:
        return grpc.StatusCode.UNAUTHENTICATED


ERRORS = {
    "memory": (MilvusException(3, "memory limit exceeded"), EngineFull, "no room"),
    "disk": (MilvusException(7, "disk limit exceeded"), EngineFull, "no room"),
    "quota": (MilvusException(9, "quota exceeded"), EngineFull, "no room"),
    "user": (MilvusException(1400, "not authenticated"), EngineAway, "does not let"),
    "rights": (MilvusException(1401, "not permitted"), EngineAway, "does not let"),
    "login": (Refusal(), EngineAway, "does not let"),
    "none": (MilvusException(100, "collection not found"), EngineUnsuitable, "no such collection"),
    "database": (MilvusException(800, "database not found"), EngineUnsuitable, "no database"),
    "busy": (MilvusException(4, "too many requests"), EngineAway, "does not answer: too many"),
    "network": (OSError("gone"), EngineAway, "does not answer: gone"),
}


@pytest.mark.parametrize("case", ERRORS)
def test_what_a_server_says_is_told_in_words(
    opened: Open, monkeypatch: pytest.MonkeyPatch, case: str
):
    raised, error, told = ERRORS[case]

    def refuse(*given: object, **more: object) -> None:
        raise raised

    client = SimpleNamespace(has_collection=refuse, close=lambda: None)
    monkeypatch.setattr(milvus_connections, "connect", lambda *given: client)
    with pytest.raises(error, match=told) as caught:
        opened("http://host:19530").position()
    assert caught.value.hint


def test_a_server_that_goes_away_and_comes_back(
    opened: Open, folder: Path, rng: np.random.Generator
):
    rows = some_rows(rng, 100)
    with milvus_server(folder) as address:
        engine = opened(address, wait=2.0)
        engine.create()
        engine.add(rows)
        engine.settle(100, 0)
        assert engine.nearest(rows.vectors[3], 1).ids.tolist() == [4]
    for ask in (engine.position, lambda: engine.nearest(rows.vectors[3], 1), engine.ids):
        with pytest.raises(EngineAway, match="does not answer"):
            ask()
    with milvus_server(folder, int(address.rpartition(":")[2])):
        assert engine.nearest(rows.vectors[3], 1).ids.tolist() == [4]
        assert engine.position() == EnginePosition(SPACE, DIM, GALLERY, 100, 0, 100)
