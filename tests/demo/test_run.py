"""The demo's folder: whole or not there, its own, and asked like any other gallery."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from gestalt_space.demo import run as demo_run
from gestalt_space.demo.run import COHORT, HOME, REPORT, DemoResult, demo_document, run_demo
from gestalt_space.demo.trial import Show
from gestalt_space.errors import ModelNotInstalled, OutputError, UsageError
from gestalt_space.gallery.pipeline import PhotoSource
from gestalt_space.home import Gallery
from gestalt_space.match.question import Question
from gestalt_space.simulate.cohort import draw_cohort
from gestalt_space.weights.store import ModelStore
from tests.demo.conftest import OPTIONS, PLAN


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def earlier(folder: Path) -> Path:
    """A folder that looks like an earlier demo."""
    (folder / COHORT).mkdir(parents=True)
    (folder / HOME).mkdir()
    (folder / REPORT).write_text('<meta name="generator" content="gestalt-space demo 0.1.0">')
    return folder


class Watch:
    """Remembers the stages; at one of them the user stops the work."""

    def __init__(self, stop_at: str = "") -> None:
        self.stop_at = stop_at
        self.stages: list[tuple[str, int]] = []
        self.last = 0

    @contextmanager
    def __call__(self, title: str, total: int) -> Iterator[Show]:
        self.stages.append((title, total))
        if title == self.stop_at:
            raise KeyboardInterrupt
        yield self.show

    def show(self, done: int, whole: int | None) -> None:
        self.last = done


def test_the_folder_holds_the_cohort_the_gallery_and_the_report(done: DemoResult):
    assert names(done.folder) == [COHORT, HOME, REPORT]
    assert names(done.folder.parent) == [done.folder.name]
    assert {"photos", "patients.csv", "truth.json"} <= set(names(done.folder / COHORT))


def test_seconds_are_told_by_part(done: DemoResult):
    parts = dict(done.seconds)
    total = parts.pop("total")
    assert set(parts) == {"simulate", "match", "report"}
    assert sum(parts.values()) == pytest.approx(total)


def test_its_gallery_is_asked_like_any_other(done: DemoResult):
    shown = done.trial.shown
    photo = done.folder / COHORT / shown.record.photo
    with Gallery.open(done.folder / HOME, detector="aligned") as gallery:
        assert gallery.stats().counts.patients == done.trial.patient_count
        (match,) = gallery.match([PhotoSource("again", photo, largest=True)], Question(k=99))
    assert match.left_out is None
    assert match.lines == shown.match.lines


def test_the_next_command_names_photo_home_and_detector(done: DemoResult):
    match, explain, *_ = done.next_steps
    true = done.trial.shown.record.disorders[0].id
    assert match.startswith("gestalt match '")
    assert explain.startswith("gestalt explain '")
    assert f"--line {true} -o explained.html --home " in explain
    assert all(one.endswith("/home' --detector aligned") for one in (match, explain))


def test_the_document_has_the_numbers_of_the_trial(done: DemoResult):
    document = demo_document(done)
    assert document["version"] == 1
    assert document["top"][0]["hits"] == done.trial.top()[0].hits
    assert document["probe"]["rank"] == done.trial.shown.rank
    assert document["gallery"] == {
        "patients": done.trial.patient_count,
        "photos": len(done.trial.gallery),
        "disorders": 5,
        "failed": 0,
    }
    assert Path(document["report"]).is_file()


def test_the_same_options_give_the_same_answer(
    done: DemoResult, tmp_path: Path, tiny_store: ModelStore
):
    again = run_demo(tmp_path / "again", models=tiny_store, **OPTIONS)
    first, second = demo_document(done), demo_document(again)
    for key in ("top", "probe", "space", "gallery", "held_back"):
        assert first[key] == second[key]


def test_nothing_outside_the_folder_is_touched(
    tmp_path: Path, tiny_store: ModelStore, monkeypatch: pytest.MonkeyPatch
):
    """Whatever database and models the user's settings name."""
    monkeypatch.setenv("GESTALT_DATABASE_URL", f"sqlite:///{tmp_path / 'theirs.sqlite3'}")
    monkeypatch.setenv("GESTALT_MODELS", str(tmp_path / "their-models"))
    run_demo(tmp_path / "demo", models=tiny_store, **OPTIONS)
    assert names(tmp_path) == ["demo"]


@pytest.mark.parametrize("stage", ["Taking photos", "Filling the gallery", "Writing the report"])
@pytest.mark.parametrize("is_there", [False, True])
def test_an_interruption_leaves_nothing_half_written(
    tmp_path: Path, tiny_store: ModelStore, stage: str, is_there: bool
):
    if is_there:
        earlier(tmp_path / "demo")
    watch = Watch(stage)
    with pytest.raises(KeyboardInterrupt):
        run_demo(tmp_path / "demo", models=tiny_store, overwrite=True, stage=watch, **OPTIONS)
    assert watch.stages[-1][0] == stage
    assert names(tmp_path) == ["demo"] * is_there
    if is_there:
        assert names(tmp_path / "demo" / COHORT) == []


def test_stages_are_told_with_their_sizes(tmp_path: Path, tiny_store: ModelStore):
    watch = Watch()
    result = run_demo(
        *(earlier(tmp_path / "demo"),), models=tiny_store, overwrite=True, stage=watch, **OPTIONS
    )
    probes = len(result.trial.probes)
    assert watch.stages == [
        ("Taking photos", result.trial.cohort.photo_count),
        ("Filling the gallery", len(result.trial.gallery)),
        ("Matching the patients held back", probes),
        ("Writing the report", 1),
    ]
    assert watch.last == probes
    assert names(tmp_path) == ["demo"]
    assert (tmp_path / "demo" / COHORT / "truth.json").is_file()


def refusal(folder: Path, **options: object) -> OutputError | UsageError:
    with pytest.raises((OutputError, UsageError)) as caught:
        demo_run.check_place(folder, overwrite=bool(options.get("overwrite")))
    return caught.value


def test_an_earlier_demo_is_only_replaced_when_asked(tmp_path: Path):
    folder = earlier(tmp_path / "demo")
    assert "--overwrite" in refusal(folder).hint
    assert f"gestalt serve --home {folder / 'home'}" in refusal(folder).hint
    demo_run.check_place(folder, overwrite=True)


@pytest.mark.parametrize("overwrite", [False, True])
def test_what_is_no_demo_is_never_replaced(tmp_path: Path, overwrite: bool):
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "report.html").write_text("<p>mine</p>")
    (tmp_path / "file").write_text("mine")
    for name in ("thesis", "file"):
        assert "not an earlier demo" in refusal(tmp_path / name, overwrite=overwrite).message


def test_a_demo_with_something_of_the_users_in_it_is_never_replaced(tmp_path: Path):
    folder = earlier(tmp_path / "demo")
    (folder / "notes.txt").write_text("mine")
    assert "notes.txt" in refusal(folder, overwrite=True).message


def test_the_folder_one_is_in_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    inside = tmp_path / "a" / "b"
    inside.mkdir(parents=True)
    monkeypatch.chdir(inside)
    for place in (".", "..", str(inside), os.fspath(tmp_path)):
        assert "the current folder" in refusal(Path(place)).message
    demo_run.check_place(Path("new"), overwrite=False)


def test_an_empty_folder_is_a_place(tmp_path: Path):
    (tmp_path / "empty").mkdir()
    demo_run.check_place(tmp_path / "empty", overwrite=False)


def test_what_is_missing_is_told_before_any_work(tmp_path: Path, tiny_store: ModelStore):
    for wrong in ({"space": "nothing"}, {"detector": "yunet"}):
        watch = Watch()
        with pytest.raises(ModelNotInstalled):
            run_demo(tmp_path / "demo", models=tiny_store, stage=watch, **{**OPTIONS, **wrong})
        assert watch.stages == []
    assert not (tmp_path / "demo").exists()


def test_a_cohort_of_which_nobody_can_be_held_back_is_told(tmp_path: Path, tiny_store: ModelStore):
    draw = partial(draw_cohort, replace(PLAN, patients=10))
    with pytest.raises(UsageError, match="no patient can be held back"):
        run_demo(tmp_path / "demo", models=tiny_store, **{**OPTIONS, "draw": draw})
