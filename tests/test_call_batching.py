"""`BatchedCalls` itself; what it joins is tested where it is used (`gallery/test_joining.py`,
`index/test_search.py`)."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Sequence
from typing import Any

import pytest

from gestalt_space.call_batching import BatchedCalls


def doubled(asked: Sequence[int]) -> list[int]:
    return [2 * one for one in asked]


def of(work: Any) -> BatchedCalls[int, int]:
    return BatchedCalls(work, kind=lambda _: None, weight=lambda _: 1, most=8)


STORM = """
import random, signal, sys, threading
from gestalt_space.call_batching import BatchedCalls

together = BatchedCalls(
    lambda asked: [2 * one for one in asked], kind=lambda _: None, weight=lambda _: 1, most=8
)
armed, interrupted = False, 0

def interrupt(*_):
    if armed:
        raise KeyboardInterrupt

signal.signal(signal.SIGALRM, interrupt)
random.seed(15)
for _ in range(4000):
    signal.setitimer(signal.ITIMER_REAL, random.uniform(1e-6, 3e-5))
    try:
        try:
            armed = True
            together(3)
        finally:
            armed = False
    except KeyboardInterrupt:
        armed = False
        interrupted += 1
signal.setitimer(signal.ITIMER_REAL, 0)
found = []
other = threading.Thread(target=lambda: found.append(together(4)), daemon=True)
other.start()
other.join(10)
print(interrupted, found, together.waiting)
"""


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="this system has no such timer")
def test_thousands_of_interruptions_leave_it_open_to_others() -> None:
    """In a process of its own: whatever else runs between two lines here would be interrupted."""
    ended = subprocess.run(
        [sys.executable, "-c", STORM], capture_output=True, text=True, timeout=60, check=True
    )
    interrupted, found, waiting = ended.stdout.split()
    assert int(interrupted) > 100
    assert (found, waiting) == ("[8]", "0")


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no forks")
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_a_forked_child_does_not_wait_for_a_thread_that_it_does_not_have() -> None:
    begun, go_on = threading.Event(), threading.Event()
    parent = os.getpid()

    def held(asked: Sequence[int]) -> list[int]:
        if os.getpid() == parent:
            begun.set()
            assert go_on.wait(10)
        return doubled(asked)

    together = of(held)
    thread = threading.Thread(target=together, args=(1,))
    thread.start()
    assert begun.wait(10)
    child = os.fork()
    if child == 0:
        os._exit(0 if together(5) == 10 else 1)
    for _ in range(1000):
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            break
        threading.Event().wait(0.01)
    else:
        os.kill(child, 9)
        os.waitpid(child, 0)
        status = -1
    go_on.set()
    thread.join()
    assert status == 0
