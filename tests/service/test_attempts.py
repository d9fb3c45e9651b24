"""Who guesses passwords waits; others do not, and nobody learns who has an account."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from gestalt_space.errors import TooManyRequests
from gestalt_space.service import attempts as module
from gestalt_space.service.attempts import SLOWED_AFTER, SLOWED_TO, Attempts

PAUSE = timedelta(minutes=15)
HERE, THERE = "address 192.0.2.1", "address 192.0.2.2"


@pytest.fixture
def clock() -> list[float]:
    return [1000.0]


@pytest.fixture
def attempts(clock: list[float]) -> Attempts:
    return Attempts(3, PAUSE, lambda: clock[0])


def wrong(attempts: Attempts, address: str, times: int = 1, name: str = "anna") -> None:
    for _ in range(times):
        with attempts.attempt(name, address):
            attempts.failed(name, address)


def test_a_name_is_locked_where_it_was_guessed_and_nowhere_else(
    attempts: Attempts, clock: list[float]
) -> None:
    wrong(attempts, HERE, 3)
    with pytest.raises(TooManyRequests) as refused, attempts.attempt("anna", HERE):
        pass
    assert refused.value.wait == PAUSE.total_seconds()
    for name, address in (("anna", THERE), ("ben", HERE)):
        with attempts.attempt(name, address):
            pass
    clock[0] += PAUSE.total_seconds()
    with attempts.attempt("anna", HERE):
        pass


def test_a_right_password_forgets_the_wrong_ones(attempts: Attempts) -> None:
    wrong(attempts, HERE, 2)
    wrong(attempts, THERE)
    assert attempts.succeeded("anna", HERE) == 3
    wrong(attempts, HERE, 2)


def test_guesses_from_many_addresses_slow_a_name_down_but_not_where_it_is_known(
    attempts: Attempts, clock: list[float]
) -> None:
    attempts.succeeded("anna", HERE)
    for number in range(3 * SLOWED_AFTER):
        wrong(attempts, f"address {number}")
    with pytest.raises(TooManyRequests) as refused, attempts.attempt("anna", THERE):
        pass
    assert refused.value.wait == SLOWED_TO
    assert "10 seconds" in refused.value.hint
    with attempts.attempt("anna", HERE):
        pass
    clock[0] += SLOWED_TO
    wrong(attempts, THERE)
    with pytest.raises(TooManyRequests), attempts.attempt("anna", "address 192.0.2.3"):
        pass


def test_guesses_at_once_are_counted(attempts: Attempts) -> None:
    begun = threading.Barrier(8)
    looked: list[int] = []

    def guess(number: int) -> None:
        begun.wait(10)
        try:
            with attempts.attempt("anna", HERE):
                looked.append(number)
                time.sleep(0.01)
                attempts.failed("anna", HERE)
        except TooManyRequests:
            pass

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(guess, range(8)))
    assert len(looked) == 3


def test_no_more_is_kept_than_that(attempts: Attempts, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_KEPT", 10)
    for number in range(50):
        wrong(attempts, HERE, name=f"nobody {number}")
        attempts.succeeded(f"somebody {number}", HERE)
    assert len(attempts._counts) == len(attempts._known) == 10
