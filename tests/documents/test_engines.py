"""The table of search engines, as people read it."""

from __future__ import annotations

import pytest
from gestalt_cli import output

from gestalt_space.documents.engines import engines_table
from gestalt_space.errors import EngineAway
from gestalt_space.gallery.engines.engine_mixin import EngineState
from gestalt_space.gallery.engines.recorded import EngineRecall, EngineRecord
from gestalt_space.index.engines.contract import EnginePosition

SPACE = "ab" * 32
TITLES = ["engine", "space", "photos", "newer", "recall@10", "of disorders", "probes"]
TITLES += ["place", "error"]


def test_each_figure_stands_below_its_title():
    recall = EngineRecall(0.99, 0.9412, measured=300, rows=1200)
    at_work = EngineState(
        EngineRecord("pgvector", SPACE, None, recall),
        "postgresql://host/name",
        "arcface",
        EnginePosition(SPACE, 512, "gallery", 1300, 2, 1234),
        56,
    )
    away = EngineState(
        EngineRecord("milvus", SPACE, "http://host:19530"),
        "http://host:19530",
        "arcface",
        None,
        0,
        EngineAway("Milvus does not answer.", "Start it."),
    )
    columns, rows = engines_table([at_work, away]).texts()
    assert [one.heading for one in columns] == TITLES
    told, failed = (dict(zip(TITLES, row, strict=True)) for row in rows)
    assert (told["engine"], told["space"], told["error"]) == ("pgvector", "arcface", "")
    assert (told["photos"].replace(",", ""), told["newer"], told["probes"]) == ("1234", "56", "300")
    assert (float(told["recall@10"]), float(told["of disorders"])) == (0.99, 0.9412)
    assert (told["place"], failed["place"]) == ("postgresql://host/name", "http://host:19530")
    assert (failed["engine"], failed["error"]) == ("milvus", "Milvus does not answer.")
    assert failed["photos"] == failed["recall@10"] == failed["probes"] == ""


def test_the_place_of_the_photos_is_shown_in_80_columns(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.setenv("COLUMNS", "80")
    place = "/data/hospital/genetics/2026/a long name of a gallery/home of the ward/milvus"
    record = EngineRecord(
        "milvus", SPACE, None, EngineRecall(0.99, 0.9412, measured=300, rows=1200)
    )
    position = EnginePosition(SPACE, 512, "gallery", 1300, 2, 1_234_567)
    output.write_table(engines_table([EngineState(record, place, "arcface", position, 56)]))
    shown = capsys.readouterr().out
    assert max(map(len, shown.splitlines())) <= 80
    assert place.replace(" ", "") in "".join(shown.split())
