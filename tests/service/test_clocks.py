"""The clock of the system is set, forwards or back, while the service runs."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

import pytest
from limits import RateLimitItemPerMinute

from gestalt_space.errors import NotAuthenticated, TooManyRequests
from gestalt_space.home import Gallery
from gestalt_space.service import users
from gestalt_space.service.access import Access
from gestalt_space.service.configuration import ServiceOptions
from gestalt_space.service.rates import Rates
from gestalt_space.store import accounts
from tests.service.conftest import PASSWORD

HERE = "address 192.0.2.7"
DAY = timedelta(days=1)


def set_clock(monkeypatch: pytest.MonkeyPatch, by: timedelta) -> None:
    """Let the clock of accounts differ from the real one."""

    class Set(datetime):
        @classmethod
        def now(cls, tz: object = None) -> datetime:  # type: ignore[override]
            return datetime.now(UTC) + by

    monkeypatch.setattr(accounts, "datetime", Set)


@pytest.mark.parametrize("by", [DAY, -DAY])
def test_a_login_ends_when_the_clock_is_set(
    gallery: Gallery, monkeypatch: pytest.MonkeyPatch, by: timedelta
) -> None:
    users.add_user(gallery.database, "anna", "admin", PASSWORD)
    service = Access(gallery.database, ServiceOptions())
    secret = service.log_in("anna", PASSWORD, HERE)
    set_clock(monkeypatch, by)
    with pytest.raises(NotAuthenticated):
        service.by_login(secret)
    again = service.log_in("anna", PASSWORD, HERE)
    assert service.by_login(again).name == "anna"


def test_a_token_expires_by_the_clock(gallery: Gallery, monkeypatch: pytest.MonkeyPatch) -> None:
    users.add_user(gallery.database, "anna", "admin", None)
    service = Access(gallery.database, ServiceOptions())
    token, _ = users.add_token(gallery.database, "anna", "", 2 * DAY)
    for by in (-DAY, DAY):
        set_clock(monkeypatch, by)
        assert service.by_token(token).name == "anna"
    set_clock(monkeypatch, 3 * DAY)
    with pytest.raises(NotAuthenticated):
        service.by_token(token)


@pytest.mark.parametrize("by", [3600.0, -3600.0])
def test_nobody_waits_for_a_time_that_was(monkeypatch: pytest.MonkeyPatch, by: float) -> None:
    rates, clock = Rates(RateLimitItemPerMinute(2)), time.time
    rates.check("anna")
    rates.check("anna")
    with pytest.raises(TooManyRequests) as refused:
        rates.check("anna")
    assert refused.value.wait <= 60
    monkeypatch.setattr(time, "time", lambda: clock() + by)
    rates.check("anna")
    rates.check("anna")
    with pytest.raises(TooManyRequests) as refused:
        rates.check("anna")
    assert refused.value.wait <= 61
