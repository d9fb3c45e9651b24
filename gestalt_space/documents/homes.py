"""`gestalt index homes`: the homes that share a database."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from gestalt_space.documents.form import Form, filled, time_text
from gestalt_space.store.homes import KnownHome
from gestalt_space.tables.table import Column, Table

DIGITS = 8
"""Of an identifier, in the table for people."""


class HomeForm(Form):
    """A home. `owed`: removals that its files are not clean of, since `owed_since`; `erasures` that
    wait for it; `this`: whether it is the one of this command."""

    id: str
    place: str
    seen_at: str
    owed: int
    owed_since: str | None
    erasures: int
    this: bool


class HomesDocument(Form):
    """The homes that share a database."""

    document: Literal["homes"]
    version: Literal[1]
    homes: list[HomeForm]


class HomeForgottenDocument(Form):
    """A home that was forgotten. Its files were not cleaned."""

    document: Literal["home-forgotten"]
    version: Literal[1]
    forgotten: HomeForm


def homes_document(homes: Iterable[KnownHome], own: str | None) -> HomesDocument:
    """The homes that share a database; `own`: the id of the one of this command."""
    return {"document": "homes", "version": 1, "homes": [_home(one, own) for one in homes]}


def home_forgotten_document(home: KnownHome, own: str | None) -> HomeForgottenDocument:
    """A home that was forgotten."""
    return {"document": "home-forgotten", "version": 1, "forgotten": _home(home, own)}


def homes_table(homes: Iterable[KnownHome], own: str | None) -> Table:
    """A row for each home."""
    table = Table(
        (
            Column("id", title="home", shown=lambda text: text[:DIGITS], whole=True),
            Column("place", readers="programs"),
            Column("shown", title="place", readers="people"),
            Column("this", "truth", readers="programs"),
            Column("seen_at", "time", title="last seen", shown="%Y-%m-%d %H:%M UTC"),
            Column("to_clean", title="to be cleaned", readers="people"),
            Column("owed", "integer", readers="programs"),
            Column("owed_since", "time", readers="programs"),
            Column("erasures", "integer", readers="programs"),
        )
    )
    for one in homes:
        place = f"{one.place} (this one)" if one.id == own else one.place
        table.add_row(
            *(one.id, one.place, place, one.id == own, one.seen_at, owed_text(one) or "nothing"),
            *(one.owed, one.owed_since, one.erasures),
        )
    return table


def owed_text(home: KnownHome) -> str:
    """What the files of a home are not clean of, in words; nothing where they are."""
    if home.owed_since is None:
        return ""
    waiting = f"{home.erasures:,} erasure{'s' * (home.erasures != 1)}"
    told = f"; {waiting} waiting" if home.erasures else ""
    removals = f"{home.owed:,} removal{'s' * (home.owed != 1)}"
    return f"{removals} since {home.owed_since:%Y-%m-%d %H:%M} UTC{told}"


def _home(home: KnownHome, own: str | None) -> HomeForm:
    since = home.owed_since
    return filled(
        HomeForm,
        home,
        seen_at=time_text(home.seen_at),
        owed_since=None if since is None else time_text(since),
        this=home.id == own,
    )
