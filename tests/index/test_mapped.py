"""Files that are mapped, whatever the name of their folder."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from gestalt_space.errors import IndexDamaged
from gestalt_space.index.checksums import record_file
from gestalt_space.index.codes import code_probes
from gestalt_space.index.mapped import map_array, map_faiss
from gestalt_space.index.segment import open_segment
from tests.index.rows import memory, written


@pytest.mark.parametrize("name", ["plain", "\u00e9\u53f0\u5317", "caf\udce9"])
def test_a_folder_may_have_every_name(name: str, tmp_path: Path):
    folder = tmp_path / name
    try:
        folder.mkdir()
    except (OSError, UnicodeError):
        pytest.skip("the system refuses such a name")
    opened = open_segment(folder, written(folder, memory(np.random.default_rng(1), 20, 16)))
    rows, _ = opened.codes.search(code_probes(np.array(opened.vectors[7])[None]).whole[0], 1, None)
    assert rows.tolist() == [7]


def test_what_is_no_index_is_refused(tmp_path: Path):
    (tmp_path / "none").write_bytes(b"nothing of the kind")
    with pytest.raises(RuntimeError):
        map_faiss(tmp_path / "none")


def test_a_damaged_header_is_an_error_of_ours_whatever_byte_of_it(tmp_path: Path) -> None:
    path = tmp_path / "a.npy"
    np.save(path, np.arange(12, dtype="<i8").reshape(3, 4))
    whole, record = path.read_bytes(), record_file(path)
    refused = 0
    for place in range(128):
        for bits in (1, 0x40, 0x80, 0xFF):
            changed = bytearray(whole)
            changed[place] ^= bits
            path.write_bytes(changed)
            try:
                found = map_array(tmp_path, record, (3, 4), "<i8").array
            except IndexDamaged:
                refused += 1
            else:
                assert (found == np.arange(12).reshape(3, 4)).all()
    assert refused > 300
