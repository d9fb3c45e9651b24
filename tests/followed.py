"""Stages of long work as they were reported."""

from __future__ import annotations

from collections.abc import Callable


class Seen:
    """Stands in for the bars of a terminal: keeps what each stage was given."""

    def __init__(self) -> None:
        self.stages: list[tuple[str, list[tuple[int, int]]]] = []

    def __call__(self, title: str, unit: str) -> Callable[[int, int], None]:
        """Begin a stage."""
        assert title, unit
        told: list[tuple[int, int]] = []
        self.stages.append((title, told))
        return lambda done, whole: told.append((done, whole))

    def ended(self) -> list[str]:
        """The stages that counted; each has to have grown, and come to its end."""
        counted = [(title, told) for title, told in self.stages if told]
        for title, told in counted:
            done = [one for one, _ in told]
            assert done == sorted(done), title
            assert len({whole for _, whole in told}) == 1, title
            assert told[-1][0] == told[-1][1] > 0, title
        return [title for title, _ in counted]
