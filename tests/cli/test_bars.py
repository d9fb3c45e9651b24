"""Bars on standard error: when they are shown, and what they say."""

from __future__ import annotations

import io
import json
import os
import re
import subprocess
import sys
import time
from types import SimpleNamespace

import pytest
from gestalt_cli import bars


class Terminal(io.StringIO):
    """Takes what is written to a terminal."""

    def isatty(self) -> bool:
        """It is one."""
        return True

    @property
    def text(self) -> str:
        """Without what moves the cursor and colours."""
        return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", self.getvalue())


def on_terminal(monkeypatch: pytest.MonkeyPatch) -> Terminal:
    """Standard error from now on. No fixture: pytest sets its own anew after those."""
    found = Terminal()
    monkeypatch.setattr(sys, "stderr", found)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "100")
    return found


def work(*, quiet: bool = False, pause: float = 0.0) -> None:
    with bars.stages(quiet=quiet) as begin:
        show = begin("Comparing", "pairs")
        for done in range(1, 6):
            time.sleep(pause)
            show(done, 5)
        begin("Drawing", "rows")
        time.sleep(pause)


def test_short_work_shows_nothing(monkeypatch: pytest.MonkeyPatch):
    terminal = on_terminal(monkeypatch)
    work()
    assert terminal.getvalue() == ""


def test_long_work_shows_what_is_done_how_fast_and_what_is_left(
    monkeypatch: pytest.MonkeyPatch,
):
    terminal = on_terminal(monkeypatch)
    monkeypatch.setattr(bars, "SHOWN_AFTER", 0.01)
    work(pause=0.15)
    assert re.search(r"Comparing .*[1-4] of 5 pairs, \d+/s, \d+ s left", terminal.text)
    # A stage that cannot count says what it does, and since when.
    assert re.search(r"Drawing .*\d s", terminal.text)


def test_a_bar_stays_on_one_line_of_a_narrow_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = on_terminal(monkeypatch)
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setattr(bars, "SHOWN_AFTER", 0.01)
    with bars.stages(quiet=False) as begin:
        show = begin("Encoding simulated people", "people", 1_000_000)
        for done in range(1, 6):
            time.sleep(0.1)
            show(100_000 * done, None)
    shown = [line for line in re.split(r"[\r\n]+", terminal.text) if line.strip()]
    assert any(re.search(r"━ 500,000 of 1,000,000 people, .* left *$", line) for line in shown)
    assert all(line.startswith("Encoding simulated people ") for line in shown)


def test_a_bar_has_twenty_characters_where_there_is_room(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = on_terminal(monkeypatch)
    monkeypatch.setattr(bars, "SHOWN_AFTER", 0.01)
    work(pause=0.1)
    assert {len(bar) for bar in re.findall("[━╸╺]+", terminal.text)} == {20}


def test_nothing_where_no_terminal_is_and_with_quiet(
    monkeypatch: pytest.MonkeyPatch,
):
    terminal = on_terminal(monkeypatch)
    monkeypatch.setattr(bars, "SHOWN_AFTER", 0.0)
    work(quiet=True, pause=0.02)
    assert terminal.getvalue() == ""
    file = io.StringIO()
    monkeypatch.setattr(sys, "stderr", file)
    work(pause=0.02)
    assert file.getvalue() == ""


def test_a_command_ends_soon_after_the_service_that_follows_it() -> None:
    """A service that was killed leaves a command whose progress nobody reads."""
    words = (
        "from gestalt_cli import bars\n"
        "import time\n"
        "with bars.stages(quiet=True) as begin:\n"
        "    show = begin('Comparing', 'pairs', 10**9)\n"
        "    for done in range(10**9):\n"
        "        show(done)\n"
        "        time.sleep(0.02)\n"
    )
    followed = subprocess.Popen(
        [sys.executable, "-c", words],
        env={**os.environ, bars.PROGRESS: "lines"},
        stderr=subprocess.PIPE,
    )
    try:
        assert followed.stderr is not None
        assert json.loads(followed.stderr.readline())["step"] == "Comparing"
        assert followed.poll() is None
        followed.stderr.close()
        assert followed.wait(timeout=20) != 0
    finally:
        followed.kill()


def test_an_error_ends_the_bar(monkeypatch: pytest.MonkeyPatch):
    terminal = on_terminal(monkeypatch)
    monkeypatch.setattr(bars, "SHOWN_AFTER", 0.0)

    def stopped() -> None:
        with bars.progress("Adding", 2, quiet=False) as show:
            show(1, 2)
            time.sleep(0.1)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        stopped()
    assert terminal.getvalue().count("\x1b[?25l") == terminal.getvalue().count("\x1b[?25h") == 1


@pytest.mark.parametrize(
    ("done", "total", "unit", "speed", "told"),
    [
        (1200, 5000, "photos", 35.2, "1,200 of 5,000 photos, 35/s, 2 min left"),
        (3, 40, "photos", 0.2, "3 of 40 photos, 5 s each, 3 min left"),
        (1, 9, "photos", 0.001, "1 of 9 photos, 1,000 s each, 2 h 13 min left"),
        (12, None, "patients", 4.0, "12 patients, 4/s"),
        (40, 100, "%", 2.0, "40 %, 30 s left"),
        (0, 100, "%", None, ""),
        (0, 7, "pairs", None, "0 of 7 pairs"),
        (0, None, "pairs", None, "1 min"),
        (0, None, "", None, "1 min"),
    ],
)
def test_figures(
    done: int,
    total: int | None,
    unit: str,
    speed: float | None,
    told: str,
):
    task = SimpleNamespace(
        completed=done,
        total=total,
        fields={"unit": unit},
        speed=speed,
        elapsed=75,
    )
    assert bars.figures(task) == told  # type: ignore[arg-type]


def test_a_burst_at_the_start_is_no_speed() -> None:
    """Photos are counted batch by batch: 32 of them in an instant, after two seconds."""
    task = SimpleNamespace(
        completed=32, total=385, fields={"unit": "photos"}, speed=110_596.0, elapsed=2.0
    )
    assert bars.figures(task) == "32 of 385 photos, 16/s, 22 s left"  # type: ignore[arg-type]
