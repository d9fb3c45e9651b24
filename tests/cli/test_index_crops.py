"""`gestalt index crops`: moved, checked, claimed."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from gestalt_space.crops.keys import read_keys
from gestalt_space.crops.places import MARK
from gestalt_space.settings import load_settings
from tests.cli.conftest import Command
from tests.documented import ROOT, blocks_of
from tests.object_stores import KEY, OTHER_KEY


@pytest.fixture
def url(home: Path, photos: list[Path], gestalt: Command, monkeypatch: pytest.MonkeyPatch) -> str:
    """Of a folder, beside a gallery with two photos whose crops are in its database."""
    for number, photo in enumerate(photos[:2]):
        words = ("index", "add", photo, "--patient", f"PAT-{number}", "--detector", "aligned")
        assert gestalt(*words).code == 0
    monkeypatch.setenv("GESTALT_CROPS_KEY", KEY)
    return (home.parent / "crops").as_uri()


def objects(home: Path) -> list[Path]:
    found = (home.parent / "crops").rglob("*")
    return [path for path in found if path.is_file() and path.name != MARK]


def test_crops_are_moved_checked_and_moved_back(home: Path, url: str, gestalt: Command):
    assert "All crops are in the database." in gestalt("index", "crops", "check").err
    moved = gestalt("index", "crops", "move", "--to", url)
    assert moved.code == 0, moved.err
    assert f"Moved 2 crops to {url}/" in moved.err
    assert f"Set GESTALT_CROPS={url} so that new crops go there too." in moved.err
    assert len(objects(home)) == 2
    checked = gestalt("index", "crops", "check", "--read", "--json")
    (place,) = checked.document["places"]
    assert (checked.code, place["crops"], place["missing"]) == (0, 2, [])
    assert KEY not in moved.err + checked.out + gestalt("doctor").out
    objects(home)[0].unlink()
    checked = gestalt("index", "crops", "check")
    assert checked.code == 1
    assert "1 crop missing:" in checked.err
    back = gestalt("index", "crops", "move", "--to", "database", "--json")
    assert (back.code, back.document["moved"], len(back.document["damaged"])) == (0, 1, 1)
    assert objects(home) == []


def test_a_backup_says_that_it_has_no_crops_and_a_restore_that_they_are_shared(
    home: Path, url: str, gestalt: Command, tmp_path: Path
):
    gestalt("index", "crops", "move", "--to", url)
    backup = gestalt("index", "backup", tmp_path / "backup")
    assert "The backup does not include 2 crops" in backup.err
    assert list(
        gestalt("index", "backup", tmp_path / "again", "--json")
        .document["backup"]["crops_outside"]
        .values()
    ) == [2]
    other = ("--home", tmp_path / "other")
    restored = gestalt("index", "restore", tmp_path / "backup", *other)
    assert restored.code == 0, restored.err
    assert "2 crops are in" in restored.err
    assert "all of them are there" in restored.err
    removed = gestalt("index", "remove", "PAT-0", *other)
    assert removed.code == 1
    assert "gestalt index crops claim" in removed.err
    assert len(objects(home)) == 2
    assert gestalt("index", "crops", "claim", *other).code == 2, "it asks"
    claimed = gestalt("index", "crops", "claim", "--yes", "--json", *other)
    assert len(claimed.document["places"]) == 1
    assert len(objects(home)) == 1
    assert "No crops are shared" in gestalt("index", "crops", "claim", "--yes", *other).err


def test_a_wrong_key_or_url_is_said_in_words(
    url: str, gestalt: Command, monkeypatch: pytest.MonkeyPatch
):
    gestalt("index", "crops", "move", "--to", url)
    monkeypatch.setenv("GESTALT_CROPS_KEY", OTHER_KEY)
    moved = gestalt("index", "crops", "move", "--to", "database")
    assert moved.code == 1
    assert "another key" in moved.err
    assert OTHER_KEY not in moved.err
    assert "only in file:// and s3://" in gestalt("index", "crops", "move", "--to", "crops").err
    monkeypatch.setenv("GESTALT_CROPS", "https://somewhere/else")
    listed = gestalt("index", "list")
    assert listed.code == 2
    assert "GESTALT_CROPS" in listed.err or "https://somewhere/else" in listed.err


@pytest.mark.skipif(not (shutil.which("bash") and shutil.which("openssl")), reason="no openssl")
def test_the_commands_of_the_page_make_a_key_that_is_used_and_never_overwritten(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    page = ROOT / "docs" / "many-machines.md"
    (block,) = (one for one in blocks_of(page) if "openssl" in one)
    told = ("GESTALT_CROPS_KEY_FILE", "GESTALT_CROPS", "AWS_ENDPOINT_URL")
    shown = "; ".join(f'echo "{one} ${one}"' for one in told)
    script = f"set -e\npip() {{ :; }}\ngestalt() {{ {shown}; }}\n{block}"
    environment = {"HOME": str(tmp_path), "PATH": "/usr/local/bin:/usr/bin:/bin"}

    def run() -> subprocess.CompletedProcess[str]:
        words = ["bash", "-c", script]
        return subprocess.run(words, env=environment, capture_output=True, text=True, check=False)

    done = run()
    assert done.returncode == 0, done.stderr
    for line in done.stdout.splitlines():
        name, value = line.split()
        monkeypatch.setenv(name, value)
    settings = load_settings()
    assert settings.crops == "s3://gestalt-crops/taipei"
    key = read_keys(settings).current
    assert run().returncode != 0, "crops would be lost with the first key"
    assert read_keys(settings).current == key
