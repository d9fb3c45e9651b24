"""`gestalt index set`, `move`, `merge`, `split` and `undo`."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.conftest import Command


def test_facts_are_set_and_taken_back(filled: Path, gestalt: Command) -> None:
    words = ("--disorder", "122470", "--disorder", "orpha 199", "--sex", "f", "--hpo", "hp_0000664")
    done = gestalt("index", "set", "P1", *words, "--clear", "cohort")
    assert done.code == 0, done.err
    for line in (
        *("sex: male → female", "cohort: A → (empty)", "HPO: (empty) → HP:0000664"),
        *("(OMIM:122470) → Cornelia de Lange syndrome 1 (OMIM:122470); ORPHA:199",),
        "'122470' is read as OMIM:122470",
    ):
        assert line in done.err
    shown = gestalt("index", "show", "P1", "--json").document["patient"]
    assert (shown["sex"], shown["cohort"], shown["genes"]) == ("female", None, ["NIPBL"])
    again = gestalt("index", "set", "P1", *words, "--json")
    assert again.document["changes"] == []
    assert "Nothing changed" in again.err
    undone = gestalt("index", "undo")
    assert "Undone: event 2, set by " in undone.err
    assert "sex: female → male" in undone.err
    assert gestalt("index", "show", "P1", "--json").document["patient"]["cohort"] == "A"
    assert "There is no correction" in gestalt("index", "undo").err
    again = gestalt("index", "undo", "--event", "3", "--json").document
    assert again["undone"] == [{"id": 3, "action": "undo"}]
    assert "sex: male → female" in again["changes"]
    refused = gestalt("index", "set", "P0", "--age", "5y")
    assert (refused.code, "--photo NAME" in refused.err) == (2, True)
    words = ("--age", "5y", "--photo", "p0.png", "--site", "ward")
    assert "age at photos/p0.png: 4y → 5y" in gestalt("index", "set", "P0", *words).err
    for wrong in (
        *(("--clear", "age"), ("--clear", "eyes"), ("--sex", "f", "--clear", "sex"), ()),
        ("--disorder-name", "Nothing that is there", "--clear", "disorder"),
    ):
        assert gestalt("index", "set", "P0", *wrong).code == 2
    for option, empty in (("disorder", ""), ("gene", " "), ("sex", "unknown"), ("hpo", ";")):
        refused = gestalt("index", "set", "P1", f"--{option}", empty)
        assert (refused.code, f"use `--clear {option}`" in refused.err) == (2, True), option
    assert gestalt("index", "set", "P77", "--sex", "f").code == 1


def test_photos_find_their_patients(filled: Path, gestalt: Command) -> None:
    refused = gestalt("index", "merge", "P0", "P1")
    assert refused.code == 1
    assert "sex: female (P0), male (P1)" in refused.err
    assert "--keep P0" in refused.err
    merged = gestalt("index", "merge", "P0", "P1", "--keep", "P0")
    assert "photo photos/p1.png: P1 → P0" in merged.err
    split = gestalt("index", "split", "P0", "--photo", "photos/p1.png", "--to", "P1", "--json")
    assert "P1: new" in split.document["changes"]
    assert "--family NAME" in " ".join(split.document["notes"])
    gestalt("index", "undo")
    assert gestalt("index", "list", "--json").document["patients"][0]["photos"] == 2
    assert gestalt("index", "split", "P0", "--photo", "x.png", "--to", "P9").code == 1
    gestalt("index", "set", "P3", "--disorder", "Made up")
    done = gestalt("index", "set", "P2", "--disorder", "made  up")
    assert (
        "disorder 'made  up': the gallery has 'Made up'. Check whether they are the same."
        in done.err
    )
    moved = gestalt("index", "move", "--photo", "photos/p2.png", "--of", "P2", "--to", "p0")
    assert "patient 'p0': the gallery has 'P0'. Check whether they are the same." in moved.err
    assert "P2: no patient any more" in moved.err


def test_whose_consent_is_withdrawn_is_shown_and_not_matched(
    filled: Path, photos: list[Path], gestalt: Command
) -> None:
    probe = ("match", photos[0], "--detector", "aligned", "--by", "patient", "--json", "-q")

    def found() -> set[str]:
        (match,) = gestalt(*probe).document["probes"]
        return {line["id"] for line in match["patients"]}

    assert found() == {"P1", "P2", "P3"}
    done = gestalt("index", "set", "P1", "--consent", "Consent withdrawn")
    assert "consent: (empty) → withdrawn" in done.err
    assert found() == {"P2", "P3"}
    shown = gestalt("index", "show", "P1").out
    assert "withdrawn: not matched" in shown
    assert "P1 is not matched. The gallery keeps these" in shown
    assert "1 aligned face" in shown
    assert gestalt("index", "show", "P1", "--json").document["patient"]["photos"][0]["spaces"]
    assert "withdrawn" in gestalt("index", "list").out
    assert gestalt("index", "stats", "--json").document["gallery"]["withdrawn"] == 1
    asked = gestalt("match", "--patient", "P1")
    assert asked.code == 1
    assert "The consent of patient 'P1' is withdrawn" in asked.err
    added = gestalt("index", "add", photos[5], "--patient", "P1", "--detector", "aligned")
    assert added.code == 3
    assert "The consent of patient 'P1' is withdrawn" in added.err
    assert gestalt("index", "fill", "--space", "tiny", "--json").document["counts"]["filled"] == 0
    assert gestalt("index", "set", "P1", "--consent", "research").code == 0
    assert found() == {"P1", "P2", "P3"}


def test_an_undo_asks_before_consent_comes_back(
    filled: Path, gestalt: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    def consent() -> str | None:
        return gestalt("index", "show", "P1", "--json").document["patient"]["consent"]

    gestalt("index", "set", "P1", "--consent", "withdrawn")
    refused = gestalt("index", "undo")
    assert refused.code == 1
    assert "would restore a withdrawn consent: P1 would be matched again" in refused.err
    assert "gestalt index undo --yes" in refused.err
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    asked = []
    for answer, code, left in ((False, 2, "withdrawn"), (True, 0, None)):
        monkeypatch.setattr(
            "typer.confirm", lambda text, answer=answer, **_: asked.append(text) or answer
        )
        assert gestalt("index", "undo").code == code
        assert consent() == left
    assert "P1 would be matched again" in asked[0]
    gestalt("index", "undo", "--event", "3")
    done = gestalt("index", "undo", "--yes")
    assert "Restored the withdrawn consent of: P1." in done.err
    assert len(asked) == 2
    assert consent() is None


def test_what_an_add_updated_is_undone(filled: Path, photos: list[Path], gestalt: Command) -> None:
    table = filled.parent / "update.csv"
    rows = "".join(f"photos/p{n}.png,P{n},other\n" for n in range(3))
    table.write_text(f"photo,patient,sex\n{rows}")
    before = gestalt("index", "list", "--json").document
    words = ("index", "add", table, "--update", "--detector", "aligned", "-q")
    assert gestalt(*words).code == 0
    assert gestalt("index", "list", "--json").document != before
    undone = gestalt("index", "undo")
    assert "and 2 events more of the same `add`, correct by" in undone.err
    assert "P1: sex: other → male" in undone.err
    assert gestalt("index", "list", "--json").document == before
