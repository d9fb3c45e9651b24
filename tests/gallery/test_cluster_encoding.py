"""Photos encoded by a Ray cluster: the same database as on one machine, whatever dies meanwhile."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil
import pytest
import sqlalchemy as sa

from gestalt_space.distributed.resources import Node, Resources
from gestalt_space.encoders.registry import encoder_spec
from gestalt_space.errors import (
    ClusterError,
    DeviceUnavailable,
    ModelNotInstalled,
    ModelUnsuitable,
    UsageError,
    WorkerDied,
)
from gestalt_space.faces.photos import PhotoLimits
from gestalt_space.gallery import cluster_encoding
from gestalt_space.gallery.cluster_encoding import EncodingJob, EncodingWorker, resources_for
from gestalt_space.gallery.intake import Intake
from gestalt_space.gallery.options import parse_engine
from gestalt_space.gallery.storing import Added
from gestalt_space.home import Gallery
from gestalt_space.store import tables as t
from gestalt_space.store.columns import Moment
from gestalt_space.weights.store import ModelStore
from tests import made
from tests.distributed.nodes import RayNodes, ray_nodes
from tests.galleries import make_home, open_gallery, row, statuses
from tests.gallery import odd_workers

pytestmark = pytest.mark.lengthy

RANDOM = {"audit_event", "audit_subject", "change", "generation", "home", "pseudonym"}
"""Tables with random keys, or with hashes over times."""
Home = Callable[[str], Path]
PHOTOS = 24


@pytest.fixture
def home(tmp_path: Path, tiny_store: ModelStore) -> Home:
    return lambda name: make_home(tmp_path / name, tiny_store)


@pytest.fixture
def rows(tmp_path: Path) -> list[Intake]:
    """Photos of 12 patients; one that is damaged, one that is not there, and one of another patient
    again, which is refused."""
    photos = [made.photo_file(tmp_path / f"p{seed}.png", seed) for seed in range(PHOTOS)]
    photos[7].write_bytes(photos[7].read_bytes()[:200])
    photos[11].unlink()
    photos[14].write_bytes(photos[13].read_bytes())
    return [row(one, f"P{n // 2}", "ABCDE"[n % 5], age=n / 2) for n, one in enumerate(photos)]


Dump = dict[str, list[Any]]


def dump(gallery: Gallery) -> Dump:
    """The whole database but for times and what is random."""
    found = {}
    with gallery.database.reading() as session:
        for name, table in t.Base.metadata.tables.items():
            if name not in RANDOM:
                columns = [one for one in table.c if not isinstance(one.type, Moment)]
                rows = session.execute(sa.select(*columns)).mappings()
                found[name] = sorted((dict(one) for one in rows), key=repr)
        found["change"] = [(session.scalar(sa.select(t.Change.sequence)),)]
    return found


def dump_of(home: Path) -> Dump:
    with open_gallery(home) as gallery:
        return dump(gallery)


def without_numbers(found: Dump) -> Dump:
    """Without what tells how many transactions there were."""
    return {
        name: [{key: row[key] for key in row if key != "sequence"} for row in rows]
        for name, rows in found.items()
        if name not in ("calibration", "change")
    }


def add_by(
    home: Path, rows: Sequence[Intake], address: str | None = None, **options: Any
) -> list[Added]:
    """Add rows by a cluster, or on this machine without an address."""
    engine = {"engine": "ray", "address": address} if address else {}
    with open_gallery(home, **engine) as gallery:
        return list(gallery.add(rows, **options).photos)


@pytest.fixture
def expected(home: Home, rows: list[Intake]) -> Dump:
    """The database that one machine makes of the rows."""
    found = statuses(add_by(home("local"), rows))
    assert [n for n, status in enumerate(found) if status == "failed"] == [7, 11, 14]
    return dump_of(home("local"))


@pytest.fixture
def small_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    """Few photos a task, and a transaction."""
    monkeypatch.setenv("GESTALT_BATCH_SIZE", "3")
    monkeypatch.setattr("gestalt_space.gallery.adding.WRITE_BATCH", 4)


def workers_here() -> list[psutil.Process]:
    """The processes of workers."""
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            if "ray::Host" in " ".join(process.cmdline()):
                found.append(process)
    return found


def test_the_same_database_as_on_one_machine(
    home: Home, rows: list[Intake], nodes: RayNodes, expected: Dump
):
    results = add_by(home("ray"), rows, nodes.address)
    assert [one.photo for one in results] == [one.photo for one in rows]
    codes = {n: one.error.code for n, one in enumerate(results) if one.error is not None}
    assert codes == {7: "photo_damaged", 11: "photo_not_found", 14: "patient_conflict"}
    assert dump_of(home("ray")) == expected
    # What is there is passed over, what was mended meanwhile is added.
    made.photo_file(rows[11].path, 11)
    again = statuses(add_by(home("ray"), rows, nodes.address))
    assert [again.pop(n) for n in (14, 11, 7)] == ["failed", "added", "failed"]
    assert set(again) == {"already"}
    # In the space of another detector or face, it is not.
    other = replace(rows[0], record=replace(rows[0].record, face=2))
    assert statuses(add_by(home("ray"), [other], nodes.address)) == ["failed"]


def test_the_same_descriptors_of_stored_crops(
    home: Home, rows: list[Intake], nodes: RayNodes, tmp_path: Path, tiny_store: ModelStore
):
    made.arcface_onnx(tmp_path / "other.onnx", dim=8, seed=5)
    filled = {}
    for name, engine in (("local", {}), ("ray", {"engine": "ray", "address": nodes.address})):
        add_by(home(name), rows)
        store = ModelStore(home(name) / "models")
        if "other" not in [model.name for model in store.sound_models()]:
            store.add(tmp_path / "other.onnx", name="other", license_name="made by the tests")
        with open_gallery(home(name), space="other", **engine) as gallery:
            done = gallery.fill(make_default=True)
            assert (len(done.faces), done.failed, done.is_default) == (21, (), True)
            assert str(done.made_by).startswith("float32, cpu, onnxruntime")
            # All are there now, made by the same run.
            assert gallery.fill(again=True).faces == ()
            filled[name] = dump(gallery)
    assert filled["ray"] == filled["local"]


def test_no_photo_and_a_single_one(home: Home, rows: list[Intake], nodes: RayNodes):
    assert add_by(home("ray"), [], nodes.address) == []
    for name, address in (("ray", nodes.address), ("local", None)):
        assert statuses(add_by(home(name), rows[:1], address)) == ["added"]
    assert dump_of(home("ray")) == dump_of(home("local"))


@pytest.mark.usefixtures("small_steps")
def test_photos_given_twice_links_and_odd_names(home: Home, nodes: RayNodes, tmp_path: Path):
    """As on one machine: paths, not what they lead to, are what photos are known by."""
    first = made.photo_file(tmp_path / "first.png", 1)
    link = tmp_path / "link.png"
    link.symlink_to(made.photo_file(tmp_path / "behind the link.png", 2))
    dangling = tmp_path / "dangling.png"
    dangling.symlink_to(tmp_path / "nothing.png")
    # Neither UTF-8 nor of one line.
    odd = made.photo_file(tmp_path / "three.png", 3).rename(
        tmp_path / os.fsdecode(b"p\xff\n\xe4.png")
    )
    photos = [first, link, first, dangling, odd, first, link]
    rows = [row(photo, f"P{photos.index(photo)}", "A") for photo in photos]
    results = {}
    for name, address in (("local", None), ("ray", nodes.address)):
        added = add_by(home(name), rows, address)
        results[name] = [(one.status, one.error and one.error.code) for one in added]
    assert results["ray"] == results["local"]
    assert results["ray"][3] == ("failed", "photo_not_found")
    assert dump_of(home("ray")) == dump_of(home("local"))


@pytest.mark.usefixtures("small_steps")
def test_photos_that_change_before_a_worker_reads_them(
    home: Home, nodes: RayNodes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """Hash, crop and descriptor are of the same bytes: those that the worker read."""
    photos = [made.photo_file(tmp_path / f"p{seed}.png", seed) for seed in range(5)]
    for photo in photos[1::2]:
        made.photo_file(photo.with_name(f"new-{photo.name}"), 50 + photos.index(photo))
    rows = [row(photo, photo.stem, "A") for photo in photos]
    monkeypatch.setattr(cluster_encoding, "EncodingWorker", odd_workers.Overwriting)
    assert statuses(add_by(home("ray"), rows, nodes.address)) == ["added"] * 5
    assert not list(tmp_path.glob("new-*")), "else nothing changed"
    add_by(home("local"), rows)
    assert dump_of(home("ray")) == dump_of(home("local"))


@pytest.mark.usefixtures("small_steps")
def test_workers_and_a_node_that_are_killed_half_way(
    home: Home,
    rows: list[Intake],
    nodes: RayNodes,
    expected: Dump,
    monkeypatch: pytest.MonkeyPatch,
):
    monkeypatch.setattr(cluster_encoding, "EncodingWorker", odd_workers.Slow)
    extra = nodes.add()
    killed = []

    def kill(result: Added) -> None:
        if result.photo == "p3.png":
            (process, *_) = workers_here()
            process.kill()
            killed.append("worker")
        elif result.photo == "p15.png":
            nodes.kill(extra)
            killed.append("node")

    add_by(home("ray"), rows, nodes.address, progress=kill)
    assert killed == ["worker", "node"]
    assert dump_of(home("ray")) == expected


@pytest.mark.usefixtures("small_steps")
def test_an_addition_that_was_interrupted_goes_on(
    home: Home, rows: list[Intake], nodes: RayNodes, expected: Dump
):
    def interrupt(result: Added) -> None:
        if result.photo == "p19.png":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        add_by(home("ray"), rows, nodes.address, progress=interrupt)
    psutil.wait_procs(workers_here(), timeout=20)
    assert workers_here() == []
    again = statuses(add_by(home("ray"), rows, nodes.address))
    assert again.count("already") >= 16
    assert without_numbers(dump_of(home("ray"))) == without_numbers(expected)


@pytest.mark.slow
@pytest.mark.usefixtures("small_steps")
def test_a_cluster_that_goes_away_keeps_what_was_stored(
    home: Home,
    rows: list[Intake],
    nodes: RayNodes,
    expected: Dump,
    monkeypatch: pytest.MonkeyPatch,
):
    monkeypatch.setattr(cluster_encoding, "PATIENCE", 2.0)
    monkeypatch.setattr(cluster_encoding, "EncodingWorker", odd_workers.Slow)
    with ray_nodes(1) as other:

        def kill(result: Added) -> None:
            if result.photo == "p5.png":
                other.kill_head()
                for process in workers_here():
                    process.kill()

        with pytest.raises(ClusterError) as caught:
            add_by(home("ray"), rows, other.address, progress=kill)
    assert "repeat" in caught.value.hint or "ray status" in caught.value.hint
    with open_gallery(home("ray")) as gallery:
        stored = len(gallery.patients())
    assert 2 <= stored < 12
    add_by(home("ray"), rows, nodes.address)
    assert without_numbers(dump_of(home("ray"))) == without_numbers(expected)


def test_a_cluster_that_is_away(home: Home, rows: list[Intake], tmp_path: Path):
    with pytest.raises(ClusterError, match="No Ray cluster answers at 127"):
        add_by(home("ray"), rows, "127.0.0.1:1")
    assert statuses(add_by(home("ray"), rows[:2])) == ["added", "added"]


@pytest.mark.usefixtures("small_steps")
def test_a_photo_that_kills_its_workers_is_its_own_failure(
    home: Home, rows: list[Intake], nodes: RayNodes, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    monkeypatch.setattr(cluster_encoding, "EncodingWorker", odd_workers.Deadly)
    deadly = row(made.photo_file(tmp_path / "deadly.png", 99), "P99", "A")
    rows = [*rows[:4], deadly, *rows[4:7]]
    results = add_by(home("ray"), rows, nodes.address)
    assert statuses(results) == ["added"] * 4 + ["failed"] + ["added"] * 3
    assert isinstance(results[4].error, WorkerDied)


def test_a_machine_that_does_not_see_the_photos(
    home: Home, rows: list[Intake], nodes: RayNodes, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(cluster_encoding, "EncodingWorker", odd_workers.Elsewhere)
    with pytest.raises(ClusterError, match=rf"\S+ does not see the photo {rows[0].path}") as caught:
        add_by(home("ray"), rows, nodes.address)
    assert "share" in caught.value.hint


def test_machines_with_other_versions(
    home: Home, rows: list[Intake], nodes: RayNodes, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(cluster_encoding, "EncodingWorker", odd_workers.Another)
    with pytest.raises(ClusterError, match=r"encodes in float32, cpu, .* other machines in "):
        add_by(home("ray"), rows, nodes.address)


def test_a_worker_checks_that_its_models_are_the_same(tiny_store: ModelStore, tmp_path: Path):
    model = tiny_store.get("tiny")
    job = EncodingJob(
        models=tiny_store.folder,
        model="tiny",
        fingerprint=encoder_spec(model).fingerprint,
        detector="aligned",
        landmarks=None,
        detector_title="aligned",
        detector_weights="",
        device="cpu",
        precision="float32",
        compiled=False,
        limits=PhotoLimits(),
        batch_size=4,
    )
    EncodingWorker(job)
    with pytest.raises(ModelUnsuitable, match="The model tiny here is another one"):
        EncodingWorker(replace(job, fingerprint="0" * 64))
    with pytest.raises(ModelUnsuitable, match="The detector here is aligned, not scrfd of x"):
        EncodingWorker(replace(job, detector_title="scrfd of x"))
    with pytest.raises(ModelUnsuitable, match="with other weights than the aligned"):
        EncodingWorker(replace(job, detector_weights="0" * 64))
    with pytest.raises(ModelNotInstalled):
        EncodingWorker(replace(job, models=tmp_path))


@pytest.mark.parametrize(
    ("device", "nodes", "expected"),
    [
        ("auto", [Node("a", 4, 0)], Resources(1, 0)),
        ("auto", [Node("a", 4, 0), Node("b", 8, 2)], Resources(4, 1)),
        ("cpu", [Node("b", 8, 2)], Resources(1, 0)),
        ("cuda", [Node("a", 0, 1)], Resources(1, 1)),
        ("cuda", [Node("a", 12, 1), Node("b", 16, 4)], Resources(4, 1)),
    ],
)
def test_what_a_worker_takes_of_its_machine(device, nodes, expected):
    assert resources_for(nodes, device) == expected


def test_a_gpu_that_no_machine_has():
    with pytest.raises(DeviceUnavailable, match="no machine of the Ray cluster has a GPU"):
        resources_for([Node("a", 4, 0)], "cuda")


def test_names_of_engines():
    assert [parse_engine("local", None), parse_engine("ray", "head:6379")] == ["local", "ray"]
    with pytest.raises(UsageError, match="Unknown engine 'dask'"):
        parse_engine("dask", None)
    with pytest.raises(UsageError) as caught:
        parse_engine("local", "head:6379")
    assert caught.value.hint == "Add --engine ray."
