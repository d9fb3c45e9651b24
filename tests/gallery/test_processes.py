"""Two processes at one index."""

from __future__ import annotations

import numpy as np
import pytest

from gestalt_space.errors import OutputError
from gestalt_space.gallery.reader import Reader
from gestalt_space.store.purges import pending_purges
from tests.galleries import files_with
from tests.gallery.kept import Kept, vector_of, vectors_of
from tests.processes import Process

pytestmark = pytest.mark.lengthy

FOLLOW = """
from gestalt_space.gallery import sealing
from tests.gallery.kept import Kept

home, point, rebuild = sys.argv[1:]
owner, _, name = point.rpartition(".")
place = getattr(sealing, owner) if owner else sealing
whole = getattr(place, name)

def stopped(*words, **more):
    setattr(place, name, whole)
    stop(point)
    return whole(*words, **more)

setattr(place, name, stopped)
kept = Kept(Path(home))
kept.seal(rebuild=rebuild == "True")
kept.close()
"""
POINTS = ("IndexFiles.segment", "save_manifest", "Sealer._record", "delete_unnamed")
"""Before a segment is written, the manifest is, the database knows of it, what is old goes."""


@pytest.mark.parametrize("point", POINTS)
def test_no_two_write_record_or_delete_at_once(point: str, kept: Kept) -> None:
    """Else one would delete the index that the other has just recorded."""
    kept.add(0, 1, 2)
    kept.seal()
    with Process(FOLLOW, kept.home, point, True) as other:
        assert other.heard() == point
        kept.add(3)
        before = kept.digest()
        with pytest.raises(OutputError, match="Another process") as caught:
            kept.sealer(timeout=0.05).follow(rebuild=True)
        assert caught.value.hint
        kept.keeper(timeout=0.05).follow()  # a write goes on without
        assert kept.digest() == before
        assert kept.vectors() == vectors_of(0, 1, 2, 3)
        other.tell()
        assert other.ended() == 0
    assert kept.vectors() == vectors_of(0, 1, 2, 3)
    assert "no problem found" in kept.check()
    kept.seal(rebuild=True)
    assert kept.check() == "4 descriptors in 1 segment, up to change 4, no problem found"


@pytest.mark.parametrize("point", POINTS[1:])
def test_an_index_of_before_a_removal_never_comes_back(point: str, kept: Kept) -> None:
    kept.add(0, 1, 2)
    kept.seal()
    with Process(FOLLOW, kept.home, point, True) as other:
        assert other.heard() == point
        kept.remove(1)
        # The other one writes, and records, what it read before.
        with pytest.raises(OutputError, match="Another process"):
            kept.keeper(timeout=0.05).purge()
        with kept.database.reading() as session:
            assert pending_purges(session), "it is remembered"
        assert kept.vectors() == vectors_of(0, 2)
        other.tell()
        assert other.ended() == 0
    assert files_with(kept.folder, vector_of(1))
    assert kept.vectors() == vectors_of(0, 2)
    kept.keeper().purge()
    with kept.database.reading() as session:
        assert pending_purges(session) == ()
    assert files_with(kept.home, vector_of(1)) == []
    assert kept.vectors() == vectors_of(0, 2)
    assert "no problem found" in kept.check()


READ = """
from tests.gallery.kept import Kept, Reader, vectors_of
import numpy as np

kept = Kept(Path(sys.argv[1]))
reader = Reader(kept.database, kept.folder)
while True:
    state = reader.current(kept.space)
    rows = np.flatnonzero(state.patients >= 0)
    say([sorted(vector.tobytes().hex() for vector in state.vectors_at(rows)), state.damage])
    hear()
"""


def in_hex(*numbers: int) -> list[str]:
    return sorted(vector.hex() for vector in vectors_of(*numbers))


@pytest.mark.usefixtures("_soon")
def test_a_reader_that_stays_open_keeps_no_index_from_being_changed(kept: Kept) -> None:
    """A removal, a merge, and a rebuild while another process has the files mapped."""
    kept.add(0, 1, 2, 3)
    kept.seal()
    with Process(READ, kept.home) as reader:
        assert reader.heard() == [in_hex(0, 1, 2, 3), None]
        kept.remove(1)
        kept.keeper().purge()
        assert files_with(kept.home, vector_of(1)) == []
        assert "no problem found" in kept.check()
        assert kept.state().damage is None
        assert reader.ask("again") == [in_hex(0, 2, 3), None]
        kept.add(4, 5, 6, 7)
        kept.seal()
        assert len(kept.manifest().segments) == 1
        assert reader.ask("again") == [in_hex(0, 2, 3, 4, 5, 6, 7), None]
        kept.seal(rebuild=True)
        kept.add(8)
        assert reader.ask("again") == [in_hex(0, 2, 3, 4, 5, 6, 7, 8), None]


def test_a_state_that_was_held_sees_what_was_removed_as_gone(kept: Kept) -> None:
    """Its numbers are of before, or are seen to be of nobody: never of somebody else."""
    kept.add(*range(6))
    kept.seal()
    reader = Reader(kept.database, kept.folder)
    held = reader.current(kept.space)
    before = held.vectors_at(np.arange(6)).copy()
    kept.remove(2)
    kept.keeper().purge()
    kept.add(*range(10, 14))
    kept.seal(rebuild=True)
    after = held.vectors_at(np.arange(6))
    assert not after[2].any()
    assert np.array_equal(np.delete(after, 2, axis=0), np.delete(before, 2, axis=0))
    assert not reader.is_current(held)
    assert reader.is_current(reader.current(kept.space))


WRITE = """
from gestalt_space.gallery import sealing
from tests.gallery.kept import Kept

sealing.SEALED_FROM = 4
kept = Kept(Path(sys.argv[1]))
first = int(sys.argv[2])
stop("ready")
for n in range(first, first + 40, 5):
    kept.add(*range(n, n + 5))
    kept.keeper().follow()
    kept.remove(n)
    kept.keeper().purge()
kept.close()
"""


def test_two_processes_add_remove_and_seal_at_once_while_a_third_reads(kept: Kept) -> None:
    kept.add(1000)
    with Process(WRITE, kept.home, 0) as one, Process(WRITE, kept.home, 100) as two:
        assert [one.heard(), two.heard()] == ["ready", "ready"]
        one.tell()
        two.tell()
        gone = {*range(0, 40, 5), *range(100, 140, 5)}
        seen: set[bytes] = set()
        for _ in range(10):
            seen |= kept.vectors()
            assert kept.state().damage is None
        assert one.ended() == two.ended() == 0
    there = {*range(40), *range(100, 140), 1000} - gone
    assert seen <= vectors_of(*there, *gone)
    assert kept.vectors() == vectors_of(*there)
    kept.keeper().purge(always=True)
    assert "no problem found" in kept.check()
    for number in gone:
        assert files_with(kept.home, vector_of(number)) == []
