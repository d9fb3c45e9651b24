"""Pickled tables are read without pandas, and nothing in them is run."""

from __future__ import annotations

import builtins
import collections
import io
import os
import pickle
import struct
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gestalt_space.errors import TableDamaged
from gestalt_space.interop.encodings import Encodings, read_encodings
from gestalt_space.interop.frames import read_frame

FRAMES = Path(__file__).parent / "frames"
"""Written by pandas 1.5, 2.2 and 3.1: three images in four slots of four random numbers."""
VERSIONS = ("1.5", "2.2", "3.1")
COLUMNS = ["img_name", "model", "flip", "gray", "class_conf", "representations"]


def vectors() -> np.ndarray:
    """What is in every one of the files: `(12, 4)`, a row for each image and slot."""
    rng = np.random.default_rng(1)
    return np.stack([rng.standard_normal(4).astype(np.float32) for _ in range(12)])


def encodings_of(kind: str, version: str) -> Encodings:
    return read_encodings(FRAMES / f"{kind}-pandas-{version}.pkl")


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("kind", ["lists", "grown", "texts", "protocol2"])
def test_a_table_of_any_pandas_is_read_to_the_bit(kind: str, version: str):
    found = encodings_of(kind, version)
    assert found.images == ("7", "12", "30")
    assert found.slots == tuple((m, f, "0") for m in ("m0", "m1") for f in "01")
    assert np.array_equal(found.vectors, vectors().reshape(3, 4, 4))


@pytest.mark.parametrize("version", VERSIONS)
def test_cells_may_be_arrays_and_flags_truth_values(version: str):
    found = encodings_of("arrays", version)
    assert found.slots == (("m0", "0", "0"), ("m0", "1", "0"))
    assert np.array_equal(found.vectors, vectors().reshape(3, 4, 4)[:, :2])


@pytest.mark.parametrize("version", VERSIONS)
def test_a_table_without_slots_has_one(version: str):
    found = encodings_of("old", version)
    assert found.slots == (("", "", ""),)
    assert np.array_equal(found.vectors, vectors().reshape(3, 4, 4)[:, :1])


@pytest.mark.parametrize("version", VERSIONS)
def test_columns_keep_their_order(version: str):
    assert list(read_frame(FRAMES / f"lists-pandas-{version}.pkl")) == COLUMNS


class Call:
    """Pickles as a call."""

    def __init__(self, function: Callable[..., object], *arguments: object) -> None:
        self.call = function, arguments

    def __reduce__(self) -> tuple[Any, ...]:
        return self.call


def refused(path: Path, content: object, protocol: int = 4) -> str:
    path.write_bytes(content if isinstance(content, bytes) else pickle.dumps(content, protocol))
    with pytest.raises(TableDamaged) as caught:
        read_frame(path)
    assert "No code in it was run" in caught.value.hint
    return caught.value.message


@pytest.mark.parametrize("protocol", [0, 1, 2, 3, 4, 5])
@pytest.mark.parametrize(
    ("function", "arguments"),
    [
        (os.system, ("touch run",)),
        (subprocess.call, (["touch", "run"],)),
        (eval, ("open('run', 'w')",)),
        (exec, ("open('run', 'w')",)),
        (builtins.__import__, ("os",)),
        (getattr, ((), "__class__")),
        (open, ("run", "w")),
        (np.load, ("run",)),
        (np.fromfile, ("run",)),
        (bytearray, (1 << 40,)),
        (collections.OrderedDict, ()),
        (pickle.loads, (b"N.",)),
        (time.sleep, (60,)),
    ],
    ids=lambda value: getattr(value, "__name__", None),
)
def test_a_payload_is_refused_and_not_run(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    protocol: int,
    function: Callable[..., object],
    arguments: tuple[object, ...],
):
    monkeypatch.chdir(tmp_path)
    refused(tmp_path / "encodings.pkl", Call(function, *arguments), protocol)
    assert not (tmp_path / "run").exists()


def test_a_payload_in_a_sound_table_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    sound = (FRAMES / "lists-pandas-2.2.pkl").read_bytes()
    call = pickle.dumps(Call(os.system, "touch run"), 0)[:-1]
    assert sound.endswith(b"ub.")
    # Run before the end, and taken off the stack again.
    message = refused(tmp_path / "encodings.pkl", sound[:-1] + call + b"0.")
    assert "system" in message
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    "program",
    [
        b"",
        b"no pickle",
        b"\x80\x04",
        b"\x80\x04N.",
        pickle.dumps({"img_name": [1]}),
        pickle.dumps([1.0] * 600),
        b"cpandas.core.frame\nDataFrame\n)\x81.",
        b"cpandas.core.frame\nDataFrame\n)\x81}b.",
        b"cpandas.core.frame\nDataFrame\n)\x81}X\x04\x00\x00\x00_mgrNsb.",
        b"\x80\x02]" + b"r" + struct.pack("<I", 2**31) + b".",  # a place of the memo far away
        b"\x80\x02" + b"]" * 100_000 + b"a" * 99_999 + b".",  # lists in lists
        b"\x80\x02)" + b"\x85" * 100_000 + b"}q\x000h\x00h\x00s.",  # hashed deep tuples
        b"(" * 100_000 + b"G" + b"e" * 8 + b"t" * 100_000 + b".",
        b"\x80\x02X\x01\x00\x00\x00aQ.",  # a persistent identifier
        b"\x82\x01.",  # the registry of extensions
    ],
    ids=range(15),
)
def test_what_is_no_table_is_refused(tmp_path: Path, program: bytes):
    refused(tmp_path / "encodings.pkl", program)


def test_every_cut_and_most_flips_end_in_an_error_of_ours(tmp_path: Path):
    """A damaged table is refused, or read where the flip lies in a number or a name."""
    path = tmp_path / "encodings.pkl"
    for version in VERSIONS:
        whole = (FRAMES / f"lists-pandas-{version}.pkl").read_bytes()
        for end in range(0, len(whole), 37):
            refused(path, whole[:end])
        rng = np.random.default_rng(2)
        for _ in range(300):
            flipped = bytearray(whole)
            flipped[rng.integers(len(whole))] ^= 1 << rng.integers(8)
            path.write_bytes(flipped)
            try:
                read_encodings(path)
            except TableDamaged:
                continue


def test_many_floats_are_looked_over_quickly(tmp_path: Path):
    """As in a table of a thousand images; looked at one by one they would take a minute."""
    path = tmp_path / "encodings.pkl"
    listed = [np.random.default_rng(3).standard_normal(512).tolist() for _ in range(12_000)]
    path.write_bytes(pickle.dumps({"representations": listed}))
    start = time.perf_counter()
    with pytest.raises(TableDamaged, match="holds no table"):
        read_frame(path)
    assert time.perf_counter() - start < 20


def test_an_unreadable_path_is_said(tmp_path: Path):
    with pytest.raises(TableDamaged, match="cannot be read"):
        read_frame(tmp_path / "none.pkl")
    with pytest.raises(TableDamaged, match="cannot be read"):
        read_frame(tmp_path)


def test_arrays_of_odd_types_are_refused(tmp_path: Path):
    stream = io.BytesIO()
    pickle.dump(np.array(["2020-01-01"], "M8[D]"), stream)
    assert "type" in refused(tmp_path / "encodings.pkl", stream.getvalue())
