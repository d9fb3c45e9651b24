"""Any sequence of corrections, undos and redos gives what a dictionary has."""

from __future__ import annotations

from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy.orm import Session

from gestalt_space.store import correcting, writes
from gestalt_space.store import tables as t
from gestalt_space.store.engine import Database
from gestalt_space.types import Disorder
from tests import schema
from tests.databases import address_of, copy_database
from tests.galleries import new_photo
from tests.store.corrected import dump, told, trail, undo


@pytest.fixture(autouse=True)
def _known_tables(monkeypatch: pytest.MonkeyPatch) -> None:
    """Migrations run once for all tests here."""
    monkeypatch.setattr("alembic.command.upgrade", schema.upgrade)


names = st.sampled_from(["P1", "P2", "P3"])
codes = st.sets(st.sampled_from(["D1", "D2"]), max_size=2)
symbols = st.sets(st.sampled_from(["G1", "G2"]), max_size=2)
sexes = st.sampled_from(["female", "male", None])
consents = st.sampled_from(["research", "withdrawn", None])
STEPS = st.one_of(
    st.tuples(st.just("set"), names, sexes, consents, codes, symbols),
    st.tuples(st.just("move"), st.integers(0, 4), names),
    st.tuples(st.just("merge"), names, names, st.booleans()),
    st.tuples(st.just("split"), st.integers(0, 4), names),
    st.tuples(st.just("undo")),
    st.tuples(st.just("redo")),
)
PHOTOS = {f"{number}" * 64: name for number, name in enumerate(("P1", "P1", "P1", "P2", "P2"))}


class Model:
    """A gallery as a plain dictionary: facts of patients, and whose each photo is."""

    def __init__(self) -> None:
        nothing: dict[str, Any] = {"sex": None, "consent": None, "disorders": (), "genes": ()}
        self.patients = {name: dict(nothing) for name in ("P1", "P2")}
        self.photos = dict(PHOTOS)

    def set(self, name: str, sex: Any, consent: Any, disorders: Any, genes: Any) -> bool:
        given = {"sex": sex, "consent": consent}
        given |= {"disorders": tuple(sorted(disorders)), "genes": tuple(sorted(genes))}
        if name in self.patients:
            self.patients[name] |= {fact: value for fact, value in given.items() if value}
        return name in self.patients

    def move(self, photo: str, to: str) -> bool:
        owner = self.photos[photo]
        if owner == to:
            return False
        if to not in self.patients:
            self.patients[to] = {"sex": None, "consent": None, "disorders": (), "genes": ()}
            if self.patients[owner]["consent"] == "withdrawn":
                self.patients[to]["consent"] = "withdrawn"
        self.photos[photo] = to
        if owner not in self.photos.values():
            del self.patients[owner]
        return True

    def merge(self, into: str, other: str, keep: str) -> bool:
        if into == other or not {into, other} <= set(self.patients):
            return False
        kept, given_up = self.patients[keep], self.patients[into if keep == other else other]
        merged = {fact: kept[fact] or given_up[fact] for fact in kept}
        if "withdrawn" in (kept["consent"], given_up["consent"]):
            merged["consent"] = "withdrawn"
        for lists in ("disorders", "genes"):
            one, more = set(kept[lists]), set(given_up[lists])
            together = one | more if one <= more or more <= one else one
            merged[lists] = tuple(sorted(together))
        self.patients[into] = merged
        del self.patients[other]
        self.photos = {one: into if of == other else of for one, of in self.photos.items()}
        return True

    def split(self, photo: str, to: str) -> bool:
        owner = self.photos[photo]
        if to in self.patients or list(self.photos.values()).count(owner) == 1:
            return False
        self.patients[to], self.photos[photo] = dict(self.patients[owner]), to
        return True

    @property
    def matched(self) -> set[str]:
        return {
            photo
            for photo, owner in self.photos.items()
            if self.patients[owner]["consent"] != "withdrawn"
        }


def seen(session: Session) -> tuple[dict[str, Any], dict[str, str], set[str]]:
    """What the model says, read from the database."""
    patients = {}
    for one in session.scalars(sa.select(t.Patient)):
        patients[one.external_id] = {
            "sex": one.sex,
            "consent": one.consent,
            "disorders": tuple(sorted(of.disorder.code for of in one.diagnoses)),
            "genes": tuple(gene.symbol for gene in one.genes),
        }
    photos = session.scalars(sa.select(t.Photo)).all()
    matched = {one.sha256 for one in photos if one.faces[0].descriptors}
    return patients, {one.sha256: one.patient.external_id for one in photos}, matched


@pytest.fixture
def template(tmp_path: Path) -> Path:
    """A home to be copied."""
    home = tmp_path / "template"
    database = Database(address_of(home))
    with database.writing() as session:
        space = writes.add_space(
            session, model="tiny", fingerprint="f" * 64, specification="{}", dim=16
        )
        rows = [
            new_photo(name, place, sha256=sha256, crop=False)
            for place, (sha256, name) in enumerate(PHOTOS.items())
        ]
        writes.add_photos(session, rows, space_id=space)
    database.truncate_log()
    database.close()
    return home


def corrected(session: Session, step: tuple[Any, ...], model: Model) -> bool:
    """One step on the database and on the model; whether it was done."""
    kind, *told_of = step
    if kind == "set":
        name, sex, consent, disorders, genes = told_of
        if not model.set(*told_of):
            return False
        record = told(
            name,
            sex=sex,
            consent=consent,
            disorders=tuple(Disorder(code) for code in sorted(disorders)),
            genes=tuple(sorted(genes)),
        )
        return bool(correcting.set_facts(session, name, record).changes)
    if kind == "merge":
        into, other, first = told_of
        keep = into if first else other
        done = model.merge(into, other, keep)
        if done:
            correcting.merge_patients(session, into, other, keep=keep)
        return done
    number, to = told_of
    photo = list(PHOTOS)[number]
    owner = model.photos[photo]
    if kind == "move":
        done = model.move(photo, to)
        if done:
            correcting.move_photo(session, photo, of=owner, to=to)
        return done
    done = model.split(photo, to)
    if done:
        correcting.split_patient(session, owner, [photo], to)
    return done


def check_history(template: Path, steps: list[tuple[Any, ...]]) -> None:
    home = template.with_name("copy")
    home.mkdir(exist_ok=True)
    copy_database(template, home)
    database = Database(address_of(home))
    try:
        model = Model()
        past: list[tuple[Any, Model]] = []
        undone: list[tuple[int, Any, Model]] = []
        for step in steps:
            now = dump(database), deepcopy(model)
            if step[0] == "undo":
                if not past:
                    continue
                before, model = past.pop()
                undo(database, consent_again=tuple(model.patients))
                undone.append((trail(database)[-1].id, *now))
                assert dump(database) == before
            elif step[0] == "redo":
                if not undone:
                    continue
                event, after, model = undone.pop()
                undo(database, event, consent_again=tuple(model.patients))
                past.append(now)
                assert dump(database) == after
            else:
                with database.writing() as session:
                    done = corrected(session, step, model)
                if done:
                    past.append(now)
                    undone.clear()
            with database.reading() as session:
                assert seen(session) == (model.patients, model.photos, model.matched)
        assert database.problems() == []
        trail(database)
    finally:
        database.close()


@settings(
    max_examples=4, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(steps=st.lists(STEPS, min_size=6, max_size=12))
def test_corrections_and_undos_are_those_of_a_dictionary(
    template: Path, steps: list[tuple[Any, ...]]
) -> None:
    check_history(template, steps)


@pytest.mark.slow
@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(steps=st.lists(STEPS, min_size=10, max_size=30))
def test_many_corrections_and_undos_are_those_of_a_dictionary(
    template: Path, steps: list[tuple[Any, ...]]
) -> None:
    check_history(template, steps)
