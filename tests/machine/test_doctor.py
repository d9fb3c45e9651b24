"""What `examine` finds on a sound machine, and in what is broken."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from gestalt_space.index.engines import lite_server
from gestalt_space.index.engines.contract import EngineHits
from gestalt_space.index.engines.milvus import MilvusEngine
from gestalt_space.machine import doctor
from gestalt_space.machine.doctor import CheckFinding, examine
from gestalt_space.settings import Settings, load_settings
from gestalt_space.store.migrating import REVISION
from gestalt_space.types import PhotoRecord
from gestalt_space.weights.manifest import ModelFile, read_manifest, write_manifest
from gestalt_space.weights.store import ModelStore
from tests import made
from tests.classifiers.test_opening import facts_of, layers_of, write_folder
from tests.distributed.nodes import RayNodes
from tests.galleries import fill_once, make_home, open_gallery, row
from tests.phenotype.made import parsed_release
from tests.prepared import Prepared


@pytest.fixture
def home(tmp_path: Path, tiny_store: ModelStore) -> Path:
    return make_home(tmp_path / "home", tiny_store)


@pytest.fixture
def settings(home: Path) -> Settings:
    return load_settings(home)


@pytest.fixture
def filled(home: Path, tmp_path: Path, prepared: Prepared) -> Path:
    photos = [made.photo_file(tmp_path / f"p{n}.png", n) for n in range(3)]
    rows = [row(photo, f"P{n}", "A") for n, photo in enumerate(photos)]
    return fill_once(prepared, "doctor", home, *rows)


def found(settings: Settings) -> dict[str, CheckFinding]:
    return {finding.subject: finding for finding in examine(settings)}


def failing(settings: Settings) -> set[str]:
    findings = found(settings)
    failed = {subject for subject, finding in findings.items() if finding.state == "fail"}
    assert all(findings[subject].hint for subject in failed), "a failure says what to do"
    return failed


@pytest.fixture
def no_builtin(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if no models came with the package."""
    monkeypatch.setattr(doctor, "ModelStore", partial(ModelStore, builtin=None))


def test_all_is_sound_but_the_detector_that_is_not_installed(
    filled: Path, settings: Settings, no_builtin: None
) -> None:
    assert failing(settings) == {"detector"}
    findings = found(settings)
    assert "3 patients, 3 photos, 1 disorder" in findings["database"].detail
    assert f"migration {REVISION}" in findings["database"].detail
    assert "made by the tests" in findings["model tiny"].detail
    assert "3 descriptors in 1 segment" in findings["index tiny"].detail
    assert "faiss" in findings["libraries"].detail
    assert "missing" not in findings["libraries"].detail
    assert "cpu" in findings["onnxruntime"].detail
    assert "exact search works" in findings["faiss"].detail


def test_a_detector_makes_it_all_sound(filled: Path, settings: Settings) -> None:
    # Only its manifest is looked at: nothing here finds a face.
    (tiny,) = (filled / "models" / "tiny").glob("*.onnx")
    folder = filled / "models" / "finder"
    folder.mkdir()
    (folder / "finder.onnx").write_bytes(tiny.read_bytes())
    model = read_manifest(filled / "models" / "tiny")
    file = model.files[0]
    detector = ModelFile("finder.onnx", file.sha256, file.bytes, "detector", "yunet")
    write_manifest(replace(model, name="finder", folder=folder, files=(detector,)))
    assert failing(settings) == set()
    assert {finding.state for finding in examine(settings)} == {"ok"}


def test_an_empty_gallery_is_worth_a_note(settings: Settings) -> None:
    finding = found(settings)["gallery"]
    assert finding.state == "note"
    assert finding.detail == "there is none yet"
    assert "gestalt index add" in finding.hint


def test_the_built_in_detector_is_one(filled: Path, settings: Settings) -> None:
    assert failing(settings) == set()
    assert "detector (builtin)" in found(settings)["model builtin"].detail


def test_other_hospitals_are_looked_at_where_there_are_some(
    filled: Path, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert not any("hospital" in subject for subject in found(load_settings(home)))
    token = tmp_path / "b.token"
    token.touch(0o600)
    token.write_text("gestalt_secret")
    site = {"address": "https://b.example", "token_file": str(token)}
    monkeypatch.setenv("GESTALT_SITES", json.dumps({"b": site}))
    monkeypatch.setenv("GESTALT_SITE_CONSENTS", '["Research"]')
    findings = found(load_settings(home))
    assert findings["hospital b"].detail == "may be asked at https://b.example; not tried"
    assert findings["other hospitals"].state == "note", "no patient has this consent"
    monkeypatch.setenv("GESTALT_SITES", json.dumps({"b": site | {"address": "x"}}))
    assert failing(load_settings(home)) == {"hospital b"}
    with open_gallery(home) as gallery:
        gallery.set_facts(PhotoRecord("", "P0", consent="research"))
    findings = found(load_settings(home))
    assert findings["other hospitals"].detail == "1 patient with a consent of `site_consents`"
    assert "gestalt_secret" not in str(findings)


def test_no_models_fail_with_the_next_command(tmp_path: Path, no_builtin: None) -> None:
    settings = load_settings(tmp_path / "nothing")
    assert {"encoder", "detector"} <= failing(settings)
    assert "gestalt models" in found(settings)["encoder"].hint


def test_looking_makes_no_home(tmp_path: Path) -> None:
    list(examine(load_settings(tmp_path / "nothing")))
    assert not (tmp_path / "nothing").exists()


Break = Callable[[Path], object]


def weights(home: Path) -> Path:
    return next((home / "models" / "tiny").glob("*.onnx"))


def array(home: Path, part: str) -> Path:
    return next((home / "index").glob(f"*.{part}.npy"))


def flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[-5] ^= 1
    status = path.stat()
    path.write_bytes(data)
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


BREAKS: dict[str, tuple[Break, str]] = {
    "changed weights": (lambda home: flip(weights(home)), "model tiny"),
    "missing weights": (lambda home: weights(home).unlink(), "model tiny"),
    "half a manifest": (
        lambda home: os.truncate(home / "models" / "tiny" / "model.json", 20),
        "model tiny",
    ),
    "another file's database": (
        lambda home: (home / "gallery.sqlite3").write_bytes(b"no database " * 1000),
        "database",
    ),
    "flipped byte of the index": (lambda home: flip(array(home, "vectors")), "index tiny"),
    "cut off index": (lambda home: os.truncate(array(home, "columns"), 100), "index tiny"),
}


@pytest.mark.parametrize("name", list(BREAKS))
def test_what_is_broken_is_found(name: str, filled: Path, settings: Settings) -> None:
    damage, subject = BREAKS[name]
    damage(filled)
    assert subject in failing(settings)


def test_an_encoder_that_is_gone_is_found(
    filled: Path, settings: Settings, no_builtin: None
) -> None:
    ModelStore(filled / "models").remove("tiny")
    assert {"encoder", "detector", "space"} <= failing(settings)


def test_a_database_that_cannot_be_opened_is_found(
    tmp_path: Path, filled: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "folder").mkdir()
    monkeypatch.setenv("GESTALT_DATABASE_URL", f"sqlite:///{tmp_path / 'folder'}")
    assert "database" in failing(load_settings(filled))


@pytest.mark.parametrize(
    ("outcome", "told"),
    [
        (subprocess.CompletedProcess([], -6, "", "no kernel image\naborted"), "aborted"),
        (subprocess.CompletedProcess([], 1, "", ""), "no message"),
        (subprocess.TimeoutExpired([], 60), "did not finish"),
    ],
)
def test_a_faiss_that_ends_its_process_is_found_and_survived(
    outcome: object, told: str, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    def run(*_: object, **__: object) -> object:
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    monkeypatch.setattr(subprocess, "run", run)
    finding = found(settings)["faiss"]
    assert finding.state == "fail"
    assert told in finding.detail
    assert "faiss-cpu" in finding.hint


def test_a_library_that_is_missing_is_named(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(doctor, "LIBRARIES", (*doctor.LIBRARIES, "no-such-library"))
    finding = found(settings)["libraries"]
    assert "no-such-library missing" in finding.detail
    assert finding.state != "ok"


@pytest.mark.parametrize(
    ("device", "why", "state", "told"),
    [
        ("auto", None, "ok", "large galleries on Some Card"),
        ("auto", "there is no driver", "ok", "on the CPU; no GPU: there is no driver"),
        ("cpu", None, "ok", "on the CPU, because of the setting"),
        ("cuda", None, "ok", "large galleries on Some Card"),
        (
            "cuda",
            "there is no driver",
            "fail",
            "no GPU can be used for searching: there is no driver",
        ),
    ],
)
def test_what_searches_is_told_and_why(
    device: str,
    why: str | None,
    state: str,
    told: str,
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(doctor, "gpu_works", lambda: why)
    monkeypatch.setattr(doctor, "gpu_name", lambda: "Some Card")
    finding = found(settings.model_copy(update={"search_device": device}))["search"]
    assert finding.state == state
    assert told in finding.detail


def test_a_classifier_is_opened_and_is_no_encoder(
    tmp_path: Path, filled: Path, settings: Settings
) -> None:
    folder = write_folder(tmp_path / "model", facts_of("face", "eyes"), layers_of("face", "eyes"))
    ModelStore(filled / "models").add(folder, name="own")
    finding = found(settings)["model own"]
    assert finding.state == "ok"
    assert "classifier of 3 classes by 2 regions" in finding.detail
    flip(filled / "models" / "own" / "class-layers.safetensors")
    assert "model own" in failing(settings)


def test_what_terms_and_variants_need_is_named_where_it_is_missing(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(doctor, "installed_ontology", lambda: None)
    monkeypatch.setattr(doctor, "_version", lambda name: None if name == "cyvcf2" else "1.0")
    findings = found(settings)
    for subject, extra in (("HPO", "phenotype"), ("variants", "genomics")):
        assert findings[subject].state == "note"
        assert findings[subject].hint == f"Run `pip install 'gestalt-space[{extra}]'`."


def test_the_release_of_hpo_is_named(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    ontology = parsed_release().ontology
    monkeypatch.setattr(doctor, "installed_ontology", lambda: ontology)
    assert found(settings)["HPO"].detail == f"release {ontology.release}, {len(ontology)} terms"


def test_milvus_is_tried_where_it_is_installed(settings: Settings, monkeypatch: pytest.MonkeyPatch):
    finding = found(settings)["milvus"]
    assert finding.state == "ok"
    assert "Milvus Lite" in finding.detail
    real = doctor._version
    monkeypatch.setattr(doctor, "_version", lambda name: None if "lite" in name else real(name))
    finding = found(settings)["milvus"]
    assert (finding.state, finding.hint) == ("note", lite_server.INSTALL)
    monkeypatch.setattr(doctor, "_version", lambda name: None if "milvus" in name else real(name))
    assert "milvus" not in found(settings)


def test_a_milvus_that_finds_the_wrong_rows_or_cannot_start_is_told(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    def wrong(*given: object) -> EngineHits:
        return EngineHits(np.array([1]), np.array([1.0]))

    monkeypatch.setattr(MilvusEngine, "nearest", wrong)
    assert "milvus" in failing(settings)
    monkeypatch.undo()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / ("long" * 30)))
    (tmp_path / ("long" * 30)).mkdir()
    finding = found(settings)["milvus"]
    assert finding.state == "fail"
    assert "TMPDIR" in finding.hint


def test_two_packages_of_faiss_are_told(settings: Settings, monkeypatch: pytest.MonkeyPatch):
    real = doctor._version
    monkeypatch.setattr(doctor, "_version", lambda name: real(name) or "1.0")
    findings = [one for one in examine(settings) if one.subject == "faiss"]
    assert [one.state for one in findings] == ["note", "ok"]
    assert "pip uninstall faiss-cpu" in findings[0].hint


@pytest.mark.lengthy
def test_the_ray_cluster_of_the_settings_is_asked(settings: Settings, nodes: RayNodes) -> None:
    (finding,) = doctor._ray(settings.model_copy(update={"ray_address": nodes.address}))
    assert (finding.subject, finding.state) == ("Ray", "ok")
    assert f"{nodes.address}: machines " in finding.detail
    away = settings.model_copy(update={"ray_address": "127.0.0.1:1"})
    finding = found(away)["Ray"]
    assert finding.state == "fail"
    assert "No Ray cluster answers at 127.0.0.1:1" in finding.detail


def test_ray_is_named_where_it_is_installed(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert found(settings)["Ray"].state == "ok"
    monkeypatch.setattr(doctor, "_version", lambda name: None)
    assert list(doctor._ray(settings)) == []
