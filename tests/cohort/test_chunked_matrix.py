"""Matrices in chunks: the same values to the last bit, resumed after a kill, and nothing mixed."""

from __future__ import annotations

import errno
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gestalt_space.cohort import chunked_matrix, chunks
from gestalt_space.cohort.blocks import write_matrix_in_blocks
from gestalt_space.cohort.chunked_matrix import write_matrix_in_chunks
from gestalt_space.cohort.chunks import ChunkWriter, Grid, encoded, metadata_of
from gestalt_space.cohort.matrix import CELL, TILE, similarity_matrix
from gestalt_space.errors import OutputError, UsageError
from tests import made

zarr = pytest.importorskip("zarr")

COUNT = TILE + CELL + 7
"""Two chunks a side, the second of which is cut off."""
ROWS = made.unit(np.random.default_rng(0), COUNT, 16)
NAMES = [f"p{row}.png" for row in range(COUNT)]


class Killed(BaseException):
    """As if the process had ended there."""


def kill_at(tiles: int):
    def on_tiles(done: int, _: int) -> None:
        if done >= tiles:
            raise Killed

    return on_tiles


def read(path: Path) -> np.ndarray:
    return zarr.open_array(path, mode="r")[:]


@pytest.fixture
def begun(tmp_path: Path) -> Path:
    """A matrix whose writing was killed before the last of three tiles."""
    path = tmp_path / "m.zarr"
    with pytest.raises(Killed):
        write_matrix_in_chunks(ROWS, NAMES, path, on_tiles=kill_at(1))
    assert not path.exists()
    # Of the tiles that were under way, as many as there are threads are finished.
    (path.with_name("m.zarr.part") / "c" / "1" / "1").unlink(missing_ok=True)
    return path


def files_of(folder: Path) -> dict[str, int]:
    return {
        str(file.relative_to(folder)): file.stat().st_mtime_ns
        for file in folder.rglob("*")
        if file.is_file()
    }


@pytest.mark.parametrize("number", ["float32", "float16"])
@pytest.mark.parametrize("distance", [False, True])
def test_the_values_are_those_of_memory_and_npy_to_the_last_bit(
    tmp_path: Path, number: Any, distance: bool
):
    path, told = tmp_path / "m.zarr", []
    write_matrix_in_chunks(
        *(ROWS, NAMES, path),
        distance=distance,
        number=number,
        attributes={"space": "faces"},
        on_tiles=lambda done, whole: told.append((done, whole)),
    )
    found = read(path)
    wanted = similarity_matrix(ROWS, value="distance" if distance else "similarity")
    assert found.dtype == number
    assert np.array_equal(found, wanted.astype(number))
    npy = tmp_path / "m.npy"
    write_matrix_in_blocks(ROWS, NAMES, npy, distance=distance, number=number)
    assert np.array_equal(np.load(npy), found)
    assert told == [(0, 3), (1, 3), (2, 3), (3, 3)]
    assert sorted(map(str, files_of(path))) == ["c/0/0", "c/0/1", "c/1/0", "c/1/1", "zarr.json"]
    attributes = zarr.open_array(path, mode="r").attrs
    assert attributes["space"] == "faces"
    assert attributes["computed_by"] == [chunks.products_library()]


@pytest.mark.parametrize("count", [2, 50, CELL, CELL + 1, TILE + 1])
def test_small_matrices_have_small_chunks(tmp_path: Path, count: int):
    write_matrix_in_chunks(ROWS[:count], NAMES[:count], tmp_path / "m.zarr")
    assert np.array_equal(read(tmp_path / "m.zarr"), similarity_matrix(ROWS[:count]))
    grid = Grid.of(count, "float32")
    assert (grid.side * grid.parts - count) < CELL * grid.parts
    assert grid.side <= TILE


@pytest.mark.parametrize("number", ["float32", "float16"])
def test_chunks_are_what_zarr_writes(number: Any):
    grid, tile = Grid(5, 3, number), np.arange(6, dtype=np.float32).reshape(3, 2) / 7
    buffer = zarr.core.buffer.cpu.Buffer
    kept = {"zarr.json": buffer.from_bytes(metadata_of(grid, {}))}
    zarr.open_array(zarr.storage.MemoryStore(kept), mode="r+")[:3, 3:] = tile
    assert kept["c/0/1"].to_bytes() == encoded(tile, grid)


def test_a_damaged_chunk_is_told_by_whoever_reads_it(tmp_path: Path):
    write_matrix_in_chunks(ROWS[:9], NAMES[:9], tmp_path / "m.zarr")
    chunk = tmp_path / "m.zarr" / "c" / "0" / "0"
    data = bytearray(chunk.read_bytes())
    data[100] ^= 1
    chunk.write_bytes(data)
    with pytest.raises(ValueError, match="checksum"):
        read(tmp_path / "m.zarr")


@pytest.mark.skipif(os.name != "posix", reason="rights are those of POSIX")
def test_all_is_its_owners_alone(tmp_path: Path):
    before = os.umask(0)
    try:
        write_matrix_in_chunks(ROWS[:9], NAMES[:9], tmp_path / "m.zarr")
    finally:
        os.umask(before)
    for path in ((tmp_path / "m.zarr"), *(tmp_path / "m.zarr").rglob("*")):
        assert path.stat().st_mode & 0o077 == 0, path


def test_chunks_that_are_there_are_not_computed_again(begun: Path):
    part = begun.with_name("m.zarr.part")
    before = {name: at for name, at in files_of(part).items() if name.startswith("c/")}
    assert sorted(before) == ["c/0/0", "c/0/1", "c/1/0"]
    # What a killed worker left half-written does not count.
    (part / "c" / "0" / ".1.0123").write_bytes(b"half")
    (part / "c" / "1" / "1").write_bytes(b"cut off")
    (part / "descriptors-0123.npy").write_bytes(b"of workers")
    write_matrix_in_chunks(ROWS, NAMES, begun)
    after = files_of(begun)
    assert {name: after[name] for name in before} == before
    assert np.array_equal(read(begun), similarity_matrix(ROWS))
    assert not [*begun.rglob(".*"), *begun.rglob("*.npy")]
    assert [file.name for file in begun.parent.iterdir()] == ["m.zarr"]


def test_a_process_that_is_killed_is_gone_on_with(tmp_path: Path):
    path = tmp_path / "m.zarr"
    np.save(tmp_path / "rows.npy", ROWS)
    script = (
        "import sys, time, numpy as np; from pathlib import Path\n"
        "from gestalt_space.cohort.chunked_matrix import write_matrix_in_chunks\n"
        "rows = np.load(sys.argv[1])\n"
        "write_matrix_in_chunks(rows, [f'p{row}.png' for row in range(len(rows))],\n"
        "    Path(sys.argv[2]),\n"
        "    on_tiles=lambda done, _: (print(done, flush=True), time.sleep(done)))"
    )
    command = [sys.executable, "-c", script, str(tmp_path / "rows.npy"), str(path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as writing:
        assert writing.stdout is not None
        next(line for line in writing.stdout if int(line) >= 1)
        writing.send_signal(signal.SIGKILL)
    assert writing.returncode == -signal.SIGKILL
    assert not path.exists()
    told: list[int] = []
    write_matrix_in_chunks(ROWS, NAMES, path, on_tiles=lambda done, _: told.append(done))
    assert told[0] >= 1, "what was done before the kill is not done again"
    assert np.array_equal(read(path), similarity_matrix(ROWS))


@pytest.mark.parametrize(
    ("rows", "names", "options"),
    [
        (ROWS[::-1], NAMES, {}),
        (ROWS, NAMES[::-1], {}),
        (ROWS, NAMES, {"distance": True}),
        (ROWS, NAMES, {"space": "other"}),
        (ROWS, NAMES, {"number": "float16"}),
    ],
    ids=["photos", "names", "value", "space", "numbers"],
)
def test_what_was_begun_with_other_inputs_is_refused(begun: Path, rows, names, options):
    with pytest.raises(OutputError, match="other photos or options"):
        write_matrix_in_chunks(rows, names, begun, **options)
    write_matrix_in_chunks(rows, names, begun, overwrite=True, **options)
    wanted = similarity_matrix(rows, value="distance" if "distance" in options else "similarity")
    assert np.array_equal(read(begun), wanted.astype(options.get("number", "float32")))


@pytest.mark.parametrize("text", ["", "{", "[]", '{"count": 3}', None])
def test_a_damaged_record_is_told(begun: Path, text: str | None):
    record = begun.with_name("m.zarr.part") / "begun.json"
    record.unlink() if text is None else record.write_text(text)
    with pytest.raises(OutputError, match="damaged"):
        write_matrix_in_chunks(ROWS, NAMES, begun)


def test_what_was_begun_without_a_chunk_is_begun_anew(begun: Path):
    part = begun.with_name("m.zarr.part")
    for chunk in part.glob("c/*/*"):
        chunk.unlink()
    write_matrix_in_chunks(ROWS[:9], NAMES[:9], begun)
    assert read(begun).shape == (9, 9)


def test_a_folder_of_somebody_else_is_kept(tmp_path: Path):
    mine = tmp_path / "m.zarr.part" / "thesis.txt"
    mine.parent.mkdir()
    mine.write_text("mine")
    for overwrite in (False, True):
        with pytest.raises(OutputError, match=r"thesis\.txt"):
            write_matrix_in_chunks(ROWS[:9], NAMES[:9], tmp_path / "m.zarr", overwrite=overwrite)
    other = tmp_path / "n.zarr"
    other.mkdir()
    with pytest.raises(OutputError, match="exists"):
        write_matrix_in_chunks(ROWS[:9], NAMES[:9], other)
    with pytest.raises(OutputError, match="no Zarr array"):
        write_matrix_in_chunks(ROWS[:9], NAMES[:9], other, overwrite=True)
    assert mine.read_text() == "mine"


def test_a_matrix_that_is_there_is_replaced_only_if_asked(tmp_path: Path):
    path = tmp_path / "m.zarr"
    write_matrix_in_chunks(ROWS[:9], NAMES[:9], path)
    with pytest.raises(OutputError, match="exists"):
        write_matrix_in_chunks(ROWS[:8], NAMES[:8], path)
    assert read(path).shape == (9, 9)
    write_matrix_in_chunks(ROWS[:8], NAMES[:8], path, overwrite=True)
    assert read(path).shape == (8, 8)
    assert [file.name for file in tmp_path.iterdir()] == ["m.zarr"]


def test_chunks_that_go_away_are_told_and_computed_again(tmp_path: Path):
    path = tmp_path / "m.zarr"

    def lose(done: int, _: int) -> None:
        if done == 3:
            (tmp_path / "m.zarr.part" / "c" / "0" / "1").unlink()

    with pytest.raises(OutputError, match="are gone"):
        write_matrix_in_chunks(ROWS, NAMES, path, on_tiles=lose)
    assert not path.exists()
    write_matrix_in_chunks(ROWS, NAMES, path)
    assert np.array_equal(read(path), similarity_matrix(ROWS))


def test_a_matrix_that_appears_meanwhile_is_kept(tmp_path: Path):
    path = tmp_path / "m.zarr"

    def appear(done: int, _: int) -> None:
        if done == 3:
            path.mkdir()
            (path / "zarr.json").write_text("another one")

    with pytest.raises(OutputError, match="exists"):
        write_matrix_in_chunks(ROWS, NAMES, path, on_tiles=appear)
    assert (path / "zarr.json").read_text() == "another one"


@pytest.mark.parametrize("overwrite", [False, True])
def test_two_do_not_write_one_matrix(tmp_path: Path, overwrite: bool):
    path, told = tmp_path / "m.zarr", []

    def meanwhile(done: int, _: int) -> None:
        if done == 1:
            with pytest.raises(OutputError, match="being written by another process"):
                write_matrix_in_chunks(ROWS[::-1], NAMES, path, overwrite=overwrite)
            told.append(done)

    write_matrix_in_chunks(ROWS, NAMES, path, on_tiles=meanwhile)
    assert told == [1]
    assert np.array_equal(read(path), similarity_matrix(ROWS))


def test_a_disk_without_room_is_told_before_the_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    usage = type("usage", (), {"free": 10**7})
    monkeypatch.setattr(chunked_matrix.shutil, "disk_usage", lambda path: usage)
    with pytest.raises(OutputError, match=r"needs 0\.1 GB more, .* has 0\.0 GB"):
        write_matrix_in_chunks(ROWS, NAMES, tmp_path / "m.zarr")
    assert list(tmp_path.iterdir()) == []


def test_a_disk_that_fills_half_way_is_told_and_gone_on_with(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    path, written = tmp_path / "m.zarr", ChunkWriter.__call__

    def full(writer: ChunkWriter, place: tuple[int, int]):
        if place == (1, 1):
            raise OSError(errno.ENOSPC, "No space left on device")
        return written(writer, place)

    monkeypatch.setattr(ChunkWriter, "__call__", full)
    with pytest.raises(OutputError, match="No space left") as raised:
        write_matrix_in_chunks(ROWS, NAMES, path)
    assert "Finished chunks are kept" in str(raised.value.hint)
    monkeypatch.setattr(ChunkWriter, "__call__", written)
    told: list[int] = []
    write_matrix_in_chunks(ROWS, NAMES, path, on_tiles=lambda done, _: told.append(done))
    assert told == [2, 3]
    assert np.array_equal(read(path), similarity_matrix(ROWS))


def test_two_kinds_of_processors_are_told(begun: Path):
    record = begun.with_name("m.zarr.part") / "begun.json"
    told = {**json.loads(record.read_text()), "computed_by": ["openblas 0.3 Zen"]}
    record.write_text(json.dumps(told))
    write_matrix_in_chunks(ROWS, NAMES, begun)
    attributes = zarr.open_array(begun, mode="r").attrs
    assert attributes["computed_by"] == sorted([chunks.products_library(), "openblas 0.3 Zen"])


def test_what_cannot_be_written_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    with pytest.raises(UsageError, match=r"\.zarr"):
        write_matrix_in_chunks(ROWS, NAMES, tmp_path / "m.csv")
    with pytest.raises(UsageError, match="names"):
        write_matrix_in_chunks(ROWS, NAMES[:-1], tmp_path / "m.zarr")
    with pytest.raises(UsageError, match="not a set of photos"):
        write_matrix_in_chunks(ROWS[:0], [], tmp_path / "m.zarr")
    monkeypatch.setattr(chunks, "find_spec", lambda name: None)
    with pytest.raises(UsageError, match="needs zarr") as raised:
        write_matrix_in_chunks(ROWS, NAMES, tmp_path / "m.zarr")
    assert "cohorts" in str(raised.value.hint)
    assert list(tmp_path.iterdir()) == []
