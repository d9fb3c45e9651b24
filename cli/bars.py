"""Progress on standard error: what is done, how fast, and how long it will take. Shown once work
has taken two seconds, and only on a terminal.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from threading import Timer
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from rich.progress import Progress, Task

T = TypeVar("T")

SHOWN_AFTER = 2.0
"""Seconds of work that nobody needs to be told of."""

PROGRESS = "GESTALT_PROGRESS"
"""The variable that asks for progress as lines of JSON: of the service, which runs commands."""
EVERY = 0.1
"""Seconds between two such lines, at least."""

WINDOW = 30.0
"""Seconds from which on the speed is that of the last ones: those that rich keeps."""

Show = Callable[[int, int | None], None]
"""Moves a bar: given what is done, and the whole where it is known."""


@contextmanager
def progress(title: str, total: int | None, *, quiet: bool, unit: str = "photos") -> Iterator[Show]:
    """A bar for work of one stage; gives the function that moves it."""
    with stages(quiet=quiet) as begin:
        yield begin(title, unit, total)


@contextmanager
def step(title: str, *, quiet: bool) -> Iterator[None]:
    """A bar for work of one step that nothing counts, such as a library's: it shows how long the
    work has taken."""
    with progress(title, None, quiet=quiet, unit=""):
        yield


@contextmanager
def stages(*, quiet: bool) -> Iterator[Callable[..., Show]]:
    """A bar for work of several stages, one after another.

    Gives the function that begins a stage: called with a title, what is counted and, where it is
    known, how many there are.
    """
    if os.environ.get(PROGRESS) == "lines":
        yield _begin_lines
        return
    if quiet or not sys.stderr.isatty():
        yield _begin_nothing
        return
    bar = _bar()
    timer = Timer(SHOWN_AFTER, bar.start)
    timer.daemon = True
    timer.start()
    try:
        yield lambda title, unit, total=None: _begin(bar, title, unit, total)
    finally:
        timer.cancel()
        timer.join()
        if bar.live.is_started:
            bar.stop()


def with_bar(
    items: Iterable[T], title: str, total: int, *, quiet: bool, unit: str = "photos"
) -> Iterator[T]:
    """Pass items through, showing how many have come."""
    with progress(title, total, quiet=quiet, unit=unit) as show:
        for done, item in enumerate(items, start=1):
            show(done, total)
            yield item


def figures(task: Task) -> str:
    """How far a task has come, in words: `1,200 of 5,000 photos, 35/s, 2 min left`. Where nothing
    is counted, how long it has taken."""
    if task.total is None and not task.completed:
        return _time(task.elapsed or 0)
    unit = task.fields["unit"]
    of = "" if task.total is None or unit == "%" else f" of {task.total:,.0f}"
    parts = [f"{task.completed:,.0f}{of} {unit}"] if task.completed or of else []
    speed = _speed(task)
    if speed and unit != "%":
        parts.append(f"{speed:,.0f}/s" if speed >= 1 else f"{1 / speed:,.0f} s each")
    if speed and task.total and task.total > task.completed:
        parts.append(f"{_time((task.total - task.completed) / speed)} left")
    return ", ".join(parts)


def _speed(task: Task) -> float | None:
    """What is done in a second: since the start, after half a minute in the last half minute. Work
    ends in batches, so that a shorter while tells too much or too little."""
    elapsed = task.elapsed or 0.0
    if 0 < elapsed < WINDOW:
        return task.completed / elapsed
    return task.speed


def _time(seconds: float) -> str:
    if seconds < 60:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


def _begin(bar: Progress, title: str, unit: str, total: int | None) -> Show:
    """Begin a stage in the place of the one before."""
    for task in bar.task_ids:
        bar.remove_task(task)
    task = bar.add_task(title, total=total, unit=unit)

    def show(done: int, whole: int | None = None) -> None:
        bar.update(task, completed=done, total=whole or total)

    return show


def _begin_lines(title: str, unit: str, total: int | None = None) -> Show:
    """Tell a program of a stage in the place of a person, at most ten times a second."""
    last = 0.0

    def show(done: int, whole: int | None = None) -> None:
        nonlocal last
        if time.monotonic() - last < EVERY and done != (whole or total):
            return
        last = time.monotonic()
        told = {"step": title, "unit": unit, "done": done, "whole": whole or total}
        print(json.dumps(told), file=sys.stderr, flush=True)  # noqa: T201

    show(0)
    return show


def _begin_nothing(title: str, unit: str, total: int | None = None) -> Show:  # noqa: ARG001
    return _show_nothing


def _show_nothing(done: int, whole: int | None = None) -> None:
    """In the place of a bar that nobody would see."""


def _bar() -> Progress:
    from rich.console import Console
    from rich.progress import BarColumn, Progress, ProgressColumn, TextColumn
    from rich.table import Column
    from rich.text import Text

    whole = Column(no_wrap=True)

    class Figures(ProgressColumn):
        """See `figures`."""

        def render(self, task: Task) -> Text:
            return Text(figures(task))

    return Progress(
        TextColumn("{task.description}", markup=False, table_column=whole),
        # It gets shorter, so that words and figures stay on one line of a narrow terminal.
        BarColumn(bar_width=None, table_column=Column(max_width=20)),
        Figures(table_column=whole),
        console=Console(stderr=True, markup=False, emoji=False, highlight=False),
        transient=True,
        redirect_stdout=False,  # what programs read is left alone
    )
