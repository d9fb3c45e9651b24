"""Whatever happens to a gallery, in whatever order, by two processes that may die at any time, it
is what a plain dictionary says, and matches are what NumPy says of that."""

from __future__ import annotations

import logging
import os
import shutil
import tempfile
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule
from hypothesis.stateful import run_state_machine_as_test as run_machine

from gestalt_space.descriptors import to_descriptors
from gestalt_space.encoders.registry import open_encoder
from gestalt_space.errors import GalleryEmpty
from gestalt_space.types import Descriptors
from gestalt_space.weights.store import ModelStore
from tests import made
from tests.galleries import make_home
from tests.gallery import workers
from tests.gallery.workers import Died, Worker

pytestmark = pytest.mark.skipif(os.name != "posix", reason="SIGKILL and fork are POSIX")

PATIENTS = [f"P{number}" for number in range(8)]
DISORDERS = [f"D{number}" for number in range(4)]
PROBE = 10_000
AGES = st.one_of(st.none(), st.floats(0, 80).map(lambda age: round(age, 2)))
SEXES = st.sampled_from(["female", "male", None])
FACTS = st.tuples(SEXES, st.sets(st.sampled_from(DISORDERS), min_size=1, max_size=2))
STEPS = st.integers(1, 60)
"""At which change of a file a process dies."""

Patient = dict[str, Any]
Gallery = dict[str, Patient]


class History(RuleBasedStateMachine):
    """`now`: what the gallery is, by patient: `sex`, `disorders`, and `photos` by name: the seed of
    its picture, its age, and the spaces that it has a descriptor in."""

    folder: ClassVar[Path]
    models: ClassVar[ModelStore]
    vectors: ClassVar[dict[str, Any]]
    counts: ClassVar[dict[str, int]]

    @initialize(facts=FACTS, has_some=st.integers(0, 3))
    def begin(self, facts: tuple[Any, Any], has_some: int) -> None:
        self.place = Path(tempfile.mkdtemp(dir=self.folder))
        self.home = make_home(self.place / "home", self.models)
        (self.place / "photos").mkdir()
        made.photo_file(self.place / "photos" / "probe.png", PROBE)
        self.workers = [Worker(self.home), Worker(self.home)]
        self.now: Gallery = {}
        self.added = 0
        if has_some:
            self.add(who=0, patients=PATIENTS[:5], facts=facts, age=1.0, die_at=0)

    def teardown(self) -> None:
        if hasattr(self, "workers"):
            self.check(self.workers[0])
            if self.now:
                found = self.workers[0].do(workers.check)
                assert all(
                    "no problem found" in one or "no index" in one for one in found.values()
                ), found
            for worker in self.workers:
                worker.close()
            shutil.rmtree(self.place)

    # What may happen

    @rule(
        who=st.integers(0, 1),
        patients=st.lists(st.sampled_from(PATIENTS), min_size=1, max_size=4),
        facts=FACTS,
        age=AGES,
        die_at=st.one_of(st.just(0), st.just(0), STEPS),
    )
    def add(
        self, who: int, patients: list[str], facts: tuple[Any, Any], age: float, die_at: int
    ) -> None:
        after = copied(self.now)
        photos = [self._new_photo(after, patient, facts, age) for patient in patients]
        self._do(who, after, (workers.add, photos, False), die_at)

    @rule(
        who=st.integers(0, 1),
        number=st.integers(0),
        facts=FACTS,
        age=AGES,
        die_at=st.one_of(st.just(0), st.just(0), STEPS),
    )
    @precondition(lambda self: self.now)
    def correct(
        self, who: int, number: int, facts: tuple[Any, Any], age: float, die_at: int
    ) -> None:
        after = copied(self.now)
        name, patient = self._photo(number)
        told = after[patient]
        told["sex"] = facts[0] or told["sex"]
        told["disorders"] = set(facts[1])
        seed, had, spaces = told["photos"][name]
        told["photos"][name] = (seed, had if age is None else age, spaces)
        more = {} if age is None else {"age": age}
        photo = (str(self._path(seed)), patient, sorted(facts[1]), {"sex": facts[0], **more})
        self._do(who, after, (workers.add, [photo], True), die_at)

    @rule(
        who=st.integers(0, 1),
        number=st.integers(0),
        whole=st.booleans(),
        die_at=st.one_of(st.just(0), STEPS),
    )
    @precondition(lambda self: self.now)
    def remove(self, who: int, number: int, whole: bool, die_at: int) -> None:
        after = copied(self.now)
        name, patient = self._photo(number)
        del after[patient]["photos"][name]
        if whole or not after[patient]["photos"]:
            del after[patient]
        deed = (workers.remove, [patient], []) if whole else (workers.remove, [], [name])
        self._do(who, after, deed, die_at)

    @rule(who=st.integers(0, 1), number=st.integers(0), die_at=st.one_of(st.just(0), STEPS))
    @precondition(lambda self: self.now)
    def erase(self, who: int, number: int, die_at: int) -> None:
        after = copied(self.now)
        _, patient = self._photo(number)
        del after[patient]
        self._do(who, after, (workers.erase, patient), die_at)

    @rule(
        who=st.integers(0, 1),
        number=st.integers(0),
        facts=FACTS,
        die_at=st.one_of(st.just(0), STEPS),
        taken_back=st.booleans(),
    )
    @precondition(lambda self: self.now)
    def set_facts(
        self, who: int, number: int, facts: tuple[Any, Any], die_at: int, taken_back: bool
    ) -> None:
        before, after = self.now, copied(self.now)
        _, patient = self._photo(number)
        told = after[patient]
        told["sex"], told["disorders"] = facts[0] or told["sex"], set(facts[1])
        deed = (workers.correct, patient, sorted(facts[1]), facts[0])
        self._do(who, after, deed, die_at)
        if taken_back and plain(self.now) != plain(before):
            self._do(1 - who, before, (workers.undo,), 0)

    @rule(who=st.integers(0, 1), die_at=st.one_of(st.just(0), STEPS))
    @precondition(lambda self: self.now)
    def fill(self, who: int, die_at: int) -> None:
        after = copied(self.now)
        for told in after.values():
            told["photos"] = {
                name: (seed, age, ("other", "tiny"))
                for name, (seed, age, _) in told["photos"].items()
            }
        self._do(who, after, (workers.fill, "other"), die_at)

    @rule(who=st.integers(0, 1), die_at=st.one_of(st.just(0), STEPS))
    @precondition(lambda self: self.now)
    def rebuild(self, who: int, die_at: int) -> None:
        self._do(who, copied(self.now), (workers.rebuild,), die_at)

    @rule(who=st.integers(0, 1))
    def reopen(self, who: int) -> None:
        self.workers[who].do(None)

    @rule(facts=FACTS, age=AGES, number=st.integers(0))
    @precondition(lambda self: self.now)
    def both(self, facts: tuple[Any, Any], age: float, number: int) -> None:
        """One adds while the other removes."""
        after = copied(self.now)
        name, gone = self._photo(number)
        new = next(one for one in PATIENTS if one != gone)
        del after[gone]["photos"][name]
        if not after[gone]["photos"]:
            del after[gone]
        photo = self._new_photo(after, new, facts, age)
        self.workers[0].begin(workers.add, [photo], False)
        self.workers[1].begin(workers.remove, [], [name])
        assert self.workers[0].end() == ["added"]
        self.workers[1].end()
        self.now = after
        self._settled()

    # How it is done, and what must be true then

    def _do(self, who: int, after: Gallery, deed: tuple[Any, ...], die_at: int) -> None:
        worker = self.workers[who]
        try:
            found = worker.do(*deed, die_at=die_at)
        except Died:
            self.counts["deaths"] += 1
            there = worker.do(workers.dump)
            assert there in (plain(self.now), plain(after)), "it is as before, or as after"
            self.now = after if there == plain(after) else self.now
        else:
            if deed[0] is workers.add:
                assert "failed" not in found
            if deed[0] is workers.erase:
                assert found == 0, "all is done"
            self.now = after
        self._settled()

    def _settled(self) -> None:
        self.counts["operations"] += 1
        for worker in self.workers:
            self.check(worker)

    def check(self, worker: Worker) -> None:
        assert worker.do(workers.dump) == plain(self.now)
        for space in ("tiny", "other"):
            expected = self._expected(space)
            try:
                found = worker.do(workers.match, str(self.place / "photos" / "probe.png"), space)
            except GalleryEmpty:
                assert not expected
                continue
            assert [line[:2] for line in found] == [line[:2] for line in expected]
            similarities = np.array([[line[2] for line in lines] for lines in (found, expected)])
            assert np.allclose(*similarities, rtol=0, atol=1e-5)

    def _expected(self, space: str) -> list[tuple[Any, ...]]:
        """Lines by NumPy: the nearest photo of each disorder."""
        best: dict[str, tuple[float, str]] = {}
        probe = self._vector(space, PROBE)
        for patient, told in self.now.items():
            for seed, _, spaces in told["photos"].values():
                if space not in spaces:
                    continue
                similarity = float(self._vector(space, seed) @ probe)
                for disorder in told["disorders"]:
                    best[disorder] = max(best.get(disorder, (-2.0, "")), (similarity, patient))
        lines = [(disorder, patient, near) for disorder, (near, patient) in best.items()]
        return sorted(lines, key=lambda line: (-line[2], line[0]))

    def _vector(self, space: str, seed: int) -> Descriptors:
        known = self.vectors[space]
        if seed not in known["of"]:
            known["of"][seed] = to_descriptors(known["encoder"].encode(made.crop(seed)[None]))[0]
        return known["of"][seed]

    def _photo(self, number: int) -> tuple[str, str]:
        all_of = sorted((name, who) for who, told in self.now.items() for name in told["photos"])
        return all_of[number % len(all_of)]

    def _path(self, seed: int) -> Path:
        return self.place / "photos" / f"{seed}.png"

    def _new_photo(
        self, after: Gallery, patient: str, facts: tuple[Any, Any], age: float | None
    ) -> tuple[Any, ...]:
        """A photo that is new; one who is there already is told of as they are known."""
        self.added += 1
        seed = self.added
        made.photo_file(self._path(seed), seed)
        new = {"sex": facts[0], "disorders": set(facts[1]), "photos": {}}
        told = after.setdefault(patient, new)
        told["photos"][f"{seed}.png"] = (seed, age, ("tiny",))
        more = {} if age is None else {"age": age}
        sex = told["sex"]
        return (str(self._path(seed)), patient, sorted(told["disorders"]), {"sex": sex, **more})


def copied(now: Gallery) -> Gallery:
    return {
        patient: {**told, "disorders": set(told["disorders"]), "photos": dict(told["photos"])}
        for patient, told in now.items()
    }


def plain(now: Gallery) -> dict[str, Any]:
    """As a worker tells of it."""
    return {
        patient: (
            told["sex"],
            None,
            tuple(sorted(told["disorders"])),
            {name: (age, spaces) for name, (_, age, spaces) in told["photos"].items()},
        )
        for patient, told in now.items()
    }


@pytest.fixture(scope="module")
def two_spaces(tmp_path_factory: pytest.TempPathFactory, tiny_onnx: Path) -> dict[str, int]:
    """Sets `History` up with the encoders `tiny` and `other`; counts what was done."""
    folder = tmp_path_factory.mktemp("history")
    made.arcface_onnx(folder / "other.onnx", dim=24, seed=5)
    store = ModelStore(folder / "models")
    store.add(tiny_onnx, name="tiny", license_name="made by the tests")
    store.add(folder / "other.onnx", name="other", license_name="made by the tests")
    History.folder, History.models = folder, store
    History.vectors = {
        name: {"encoder": open_encoder(store.get(name)), "of": {}} for name in ("tiny", "other")
    }
    History.counts = {"operations": 0, "deaths": 0}
    return History.counts


@pytest.mark.parametrize(
    ("histories", "steps"),
    [(4, 12), pytest.param(100, 60, marks=pytest.mark.slow)],
    ids=["short", "long"],
)
def test_whatever_happens_it_is_what_a_dictionary_says(
    two_spaces: dict[str, int], histories: int, steps: int
) -> None:
    run_machine(
        History,
        settings=settings(
            max_examples=histories,
            stateful_step_count=steps,
            deadline=None,
            derandomize=True,
            database=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        ),
    )
    logging.getLogger(__name__).info("%s", two_spaces)
    assert two_spaces["operations"] > histories
    assert two_spaces["deaths"] >= histories / 4, "else nothing died"
