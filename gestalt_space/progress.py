"""How long work reports how far it has come: callbacks that it is given, and what stands in for
them where nobody looks."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sized
from typing import TypeVar

T = TypeVar("T")

Progress = Callable[[int, int], object]
"""Given how much is done, and of how much: the last call has both alike."""

Stages = Callable[[str, str], Progress]
"""Given what the next stage of the work does (`Comparing disorders`) and what it counts (`pairs`),
gives the stage's own progress. A stage that cannot count never calls it."""


def no_progress(done: int, whole: int) -> None:
    """In the place of progress that nobody looks at."""


def no_stages(title: str, unit: str) -> Progress:  # noqa: ARG001 - see `Stages`
    """In the place of stages that nobody looks at."""
    return no_progress


def followed(items: Iterable[T], progress: Progress, whole: int | None = None) -> Iterator[T]:
    """Pass items on, and report each when the next one is asked for. `whole`: how many there are,
    where they have no length."""
    if whole is None:
        if not isinstance(items, Sized):
            raise TypeError("items without a length need `whole`")
        whole = len(items)
    for done, item in enumerate(items, start=1):
        yield item
        progress(done, whole)


def adding_up(progress: Progress, whole: int) -> Callable[[int], None]:
    """What is given how much more is done, where the parts of some work count on."""
    done = 0

    def more(count: int) -> None:
        nonlocal done
        done += count
        progress(done, whole)

    return more
