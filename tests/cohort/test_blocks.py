"""Matrices on disk: the same values, after a kill as well, and nothing mixed with other inputs."""

from __future__ import annotations

import errno
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from gestalt_space.cohort import blocks
from gestalt_space.cohort.blocks import write_matrix_in_blocks
from gestalt_space.cohort.matrix import similarity_matrix
from gestalt_space.errors import OutputError, UsageError
from tests import made

ROWS = made.unit(np.random.default_rng(0), 50, 16)
NAMES = [f"p{row}.png" for row in range(50)]


class Killed(BaseException):
    """As if the process had ended there."""


def kill_at(rows: int):
    def on_rows(done: int, _: int) -> None:
        if done >= rows:
            raise Killed

    return on_rows


@pytest.fixture
def begun(tmp_path: Path) -> Path:
    """A file whose writing was killed after 16 of 50 rows."""
    path = tmp_path / "m.npy"
    with pytest.raises(Killed):
        write_matrix_in_blocks(ROWS, NAMES, path, block=8, on_rows=kill_at(16), sync_every=0)
    assert not path.exists()
    return path


@pytest.mark.parametrize("number", ["float32", "float16"])
@pytest.mark.parametrize("distance", [False, True])
def test_the_file_is_the_matrix(tmp_path: Path, number: str, distance: bool):
    path, told = tmp_path / "m.npy", []
    write_matrix_in_blocks(
        ROWS,
        NAMES,
        path,
        block=8,
        number=number,
        distance=distance,
        on_rows=lambda done, whole: told.append((done, whole)),
    )
    found = np.load(path, mmap_mode="r")
    wanted = similarity_matrix(ROWS, value="distance" if distance else "similarity")
    assert found.dtype == number
    assert np.array_equal(found, found.T)
    np.testing.assert_allclose(found, wanted, atol=1e-6 if number == "float32" else 1e-3)
    assert told == [*((done, 50) for done in range(8, 50, 8)), (50, 50)]
    assert [file.name for file in tmp_path.iterdir()] == ["m.npy"]


def test_a_killed_file_is_gone_on_with_where_it_was(begun: Path):
    part, told = begun.with_name("m.npy.part"), []
    assert json.loads(part.with_name("m.npy.part.json").read_text())["rows_done"] == 16
    # What was half written after the last record does not count.
    with part.open("r+b") as file:
        file.seek(128 + 4 * (16 * 50 + 20))
        file.write(b"\xff" * 4 * 30)
    write_matrix_in_blocks(ROWS, NAMES, begun, on_rows=lambda done, _: told.append(done))
    assert told[0] == 24, "the rows that were done are not done again, nor is their block changed"
    found = np.load(begun)
    np.testing.assert_allclose(found, similarity_matrix(ROWS), atol=1e-6)
    assert np.array_equal(found, found.T)
    assert [file.name for file in begun.parent.iterdir()] == ["m.npy"]


def test_a_file_killed_before_its_last_name_is_only_renamed(tmp_path: Path):
    path, told = tmp_path / "m.npy", []
    with pytest.raises(Killed):
        write_matrix_in_blocks(ROWS, NAMES, path, block=8, on_rows=kill_at(50), sync_every=0)
    write_matrix_in_blocks(ROWS, NAMES, path, on_rows=lambda done, _: told.append(done))
    assert told == [50]
    np.testing.assert_allclose(np.load(path), similarity_matrix(ROWS), atol=1e-6)


def test_a_process_that_is_killed_is_gone_on_with(tmp_path: Path):
    rows, path = made.unit(np.random.default_rng(1), 2000, 64), tmp_path / "m.npy"
    np.save(tmp_path / "rows.npy", rows)
    script = (
        "import sys, time, numpy as np; from pathlib import Path\n"
        "from gestalt_space.cohort.blocks import write_matrix_in_blocks\n"
        "rows = np.load(sys.argv[1])\n"
        "write_matrix_in_blocks(rows, list(map(str, range(2000))), Path(sys.argv[2]), block=100,\n"
        "    sync_every=0, on_rows=lambda done, _: (print(done, flush=True), time.sleep(0.05)))"
    )
    command = [sys.executable, "-c", script, str(tmp_path / "rows.npy"), str(path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as writing:
        assert writing.stdout is not None
        told = int(next(line for line in writing.stdout if int(line) >= 300))
        writing.send_signal(signal.SIGKILL)
    assert writing.returncode == -signal.SIGKILL
    assert not path.exists()
    done: list[int] = []
    names = list(map(str, range(2000)))
    write_matrix_in_blocks(rows, names, path, on_rows=lambda rows_done, _: done.append(rows_done))
    assert told <= done[0] < 2000, "what was done before the kill is not done again"
    np.testing.assert_allclose(np.load(path), similarity_matrix(rows), atol=1e-6)


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
        write_matrix_in_blocks(rows, names, begun, **options)
    write_matrix_in_blocks(rows, names, begun, overwrite=True, **options)
    assert np.load(begun).shape == (50, 50)


@pytest.mark.parametrize(
    "text", ["", "{", "[]", '{"rows_done": 3}', None], ids=["empty", "cut", "list", "less", "none"]
)
def test_a_damaged_record_is_told(begun: Path, text: str | None):
    record = begun.with_name("m.npy.part.json")
    record.unlink() if text is None else record.write_text(text)
    with pytest.raises(OutputError, match="damaged"):
        write_matrix_in_blocks(ROWS, NAMES, begun)


def test_rows_that_cannot_be_done_are_told(begun: Path):
    record = begun.with_name("m.npy.part.json")
    record.write_text(record.read_text().replace('"rows_done": 16', '"rows_done": 17'))
    with pytest.raises(OutputError, match="damaged"):
        write_matrix_in_blocks(ROWS, NAMES, begun)


def test_values_that_were_cut_off_are_told(begun: Path):
    part = begun.with_name("m.npy.part")
    os.truncate(part, part.stat().st_size - 1)
    with pytest.raises(OutputError, match="damaged"):
        write_matrix_in_blocks(ROWS, NAMES, begun)


def test_what_is_quick_is_begun_anew(tmp_path: Path):
    path, told = tmp_path / "m.npy", []
    with pytest.raises(Killed):
        write_matrix_in_blocks(ROWS, NAMES, path, block=8, on_rows=kill_at(16))
    write_matrix_in_blocks(ROWS, NAMES, path, block=8, on_rows=lambda done, _: told.append(done))
    assert told[0] == 8
    np.testing.assert_allclose(np.load(path), similarity_matrix(ROWS), atol=1e-6)


@pytest.mark.parametrize("overwrite", [False, True])
def test_two_do_not_write_one_file(tmp_path: Path, overwrite: bool):
    path, told = tmp_path / "m.npy", []

    def meanwhile(done: int, _: int) -> None:
        if done == 8:
            with pytest.raises(OutputError, match="being written by another process"):
                write_matrix_in_blocks(ROWS[::-1], NAMES, path, overwrite=overwrite)
            told.append(done)

    write_matrix_in_blocks(ROWS, NAMES, path, block=8, on_rows=meanwhile)
    assert told == [8]
    np.testing.assert_allclose(np.load(path), similarity_matrix(ROWS), atol=1e-6)


def test_a_kill_while_room_is_taken_is_begun_anew(begun: Path):
    part, record = (begun.with_name(f"m.npy.{end}") for end in ("part", "part.json"))
    record.write_text(record.read_text().replace('"rows_done": 16', '"rows_done": 0'))
    os.truncate(part, 1000)
    write_matrix_in_blocks(ROWS, NAMES, begun, block=8)
    np.testing.assert_allclose(np.load(begun), similarity_matrix(ROWS), atol=1e-6)


def test_a_file_that_is_there_is_kept(tmp_path: Path):
    path = tmp_path / "m.npy"
    path.write_bytes(b"mine")
    with pytest.raises(OutputError, match="exists"):
        write_matrix_in_blocks(ROWS, NAMES, path)
    assert path.read_bytes() == b"mine"


def test_a_disk_without_room_is_told_before_the_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(blocks.os, "posix_fallocate", full)
    with pytest.raises(OutputError, match="No space left"):
        write_matrix_in_blocks(ROWS, NAMES, tmp_path / "m.npy")
    assert list(tmp_path.iterdir()) == []


def test_what_cannot_be_written_is_told(tmp_path: Path):
    with pytest.raises(UsageError, match=r"\.npy"):
        write_matrix_in_blocks(ROWS, NAMES, tmp_path / "m.csv")
    with pytest.raises(UsageError, match="49 names"):
        write_matrix_in_blocks(ROWS, NAMES[:-1], tmp_path / "m.npy")
    with pytest.raises(UsageError, match="no descriptors"):
        write_matrix_in_blocks(ROWS[:0], [], tmp_path / "m.npy")
