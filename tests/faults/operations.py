"""What is done to a home, as commands, and the home that each begins with."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from alembic import command
from alembic.config import Config

from gestalt_space.store.engine import Database
from gestalt_space.store.migrating import migrating
from gestalt_space.weights.store import ModelStore
from tests import made
from tests.faults.recording import Ended, Server

Words = tuple[object, ...]
OLD_REVISION = "0006"


class Bench:
    """Photos, tables and models in a folder, and the process that runs commands."""

    def __init__(self, folder: Path, shim: Path) -> None:
        self.folder = folder
        self.models = ModelStore(folder / "models")
        for number, name in enumerate(("tiny", "wide")):
            made.arcface_onnx(folder / f"{name}.onnx", dim=16 * (1 + number), seed=1 + number)
            self.models.add(folder / f"{name}.onnx", name=name, license_name="made by the tests")
        self.server = Server(shim, self.models.folder)
        self.eight = self.table("eight", range(8))
        self.more = self.table("more", range(8, 14))
        self.one = self.table("one", range(14, 15))
        self.changed = self.table("changed", range(2, 4), "female,D7,9", "male,D8,")

    def table(self, name: str, photos: Sequence[int], *facts: str) -> Path:
        """A table of photos, one of each patient; sex, disorder and age of the first ones."""
        lines = ["photo,patient,sex,disorder,age"]
        for place, number in enumerate(photos):
            photo = made.photo_file(self.folder / f"face-{number}.png", number)
            told = facts[place] if place < len(facts) else f",D{number % 3},{number}"
            lines.append(f"{photo.name},P{number},{told}")
        path = self.folder / f"{name}.csv"
        path.write_text("\n".join(lines) + "\n")
        return path

    def close(self) -> None:
        self.server.close()

    def run(self, home: Path, *words: object) -> Ended:
        """Run a command that must end well."""
        ended = self.server.fail(home, at(home, words), first=0, errno=0)
        assert ended.code == 0, ended.told
        return ended


def at(home: Path, words: Sequence[object]) -> Words:
    """A command, of a home."""
    return *words, "--home", home


@dataclass(frozen=True)
class Operation:
    """`before`: the commands that make the home it begins with. `words`: the operation."""

    name: str
    before: Callable[[Bench, Path], None]
    words: Callable[[Bench], Words]
    gone: str | None = None
    """The patient of whom nothing is left afterwards."""


def _nothing(bench: Bench, home: Path) -> None:
    """There is no home."""


def _eight(bench: Bench, home: Path) -> None:
    bench.run(home, *add_words(bench.eight))


def _eight_and_more(bench: Bench, home: Path) -> None:
    _eight(bench, home)
    bench.run(home, *add_words(bench.more))


def _old(bench: Bench, home: Path) -> None:
    _eight(bench, home)
    database = Database(home / "gallery.sqlite3", create=False)
    config = Config()
    config.set_main_option("script_location", str(files("gestalt_space.migrations")))
    with migrating(database.engine) as connection:
        config.attributes["connection"] = connection
        command.downgrade(config, OLD_REVISION)
    database.close()


def add_words(table: Path, *options: str) -> Words:
    return "index", "add", table, "--detector", "aligned", "--space", "tiny", "--quiet", *options


OPERATIONS = (
    Operation("first", _nothing, lambda bench: add_words(bench.eight)),
    Operation("more", _eight, lambda bench: add_words(bench.more)),
    Operation("one", _eight, lambda bench: add_words(bench.one)),
    Operation("update", _eight, lambda bench: add_words(bench.changed, "--update")),
    Operation("remove", _eight_and_more, lambda _: ("index", "remove", "P3", "--quiet"), "P3"),
    Operation("fill", _eight, lambda _: ("index", "fill", "--space", "wide", "--quiet")),
    Operation("rebuild", _eight_and_more, lambda _: ("index", "rebuild", "--quiet")),
    Operation("calibrate", _eight, lambda _: ("index", "calibrate", "--quiet")),
    Operation(
        "approximate", _eight, lambda _: ("index", "approximate", "--kind", "ivf", "--quiet")
    ),
    Operation("upgrade", _old, lambda _: ("db", "upgrade")),
)
