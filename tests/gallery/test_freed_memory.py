"""Freed memory goes back to the system, though not after every photo."""

from __future__ import annotations

import mmap
import platform
from collections.abc import Iterator
from pathlib import Path

import pytest

from gestalt_space.gallery import freed_memory
from gestalt_space.gallery.freed_memory import EVERY, FreedMemory


@pytest.fixture(autouse=True)
def _unknown_system() -> Iterator[None]:
    freed_memory._trim.cache_clear()
    yield
    freed_memory._trim.cache_clear()


def held_bytes() -> int:
    """What this process has in memory now."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * mmap.PAGESIZE


@pytest.mark.skipif(
    platform.libc_ver()[0] != "glibc" or not Path("/proc/self/statm").exists(),
    reason="glibc alone keeps freed memory, and /proc alone says so",
)
def test_freed_memory_goes_back_to_the_system_now_and_then() -> None:
    clock = [10.0]
    memory = FreedMemory(lambda: clock[0])
    memory.give_back()
    blocks = [b"x" * 20_000 for _ in range(5000)]
    last = blocks.pop()
    blocks.clear()
    before = held_bytes()
    memory.give_back()
    assert before - held_bytes() < 20e6
    clock[0] += EVERY
    memory.give_back()
    assert before - held_bytes() > 80e6
    assert len(last) == 20_000


def test_where_no_memory_is_kept_none_is_given_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gestalt_space.gallery.freed_memory.sys.platform", "win32")
    monkeypatch.setattr("gestalt_space.gallery.freed_memory.ctypes.CDLL", None)
    FreedMemory().give_back()
