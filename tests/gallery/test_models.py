"""Models are opened once, and lent to one thread at a time."""

from __future__ import annotations

import gc
import threading
import time
import weakref
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from gestalt_space.encoders.specification import Encoder
from gestalt_space.errors import ModelDamaged, ModelNotInstalled, NoFace, UsageError
from gestalt_space.faces.aligned import AlignedDetector
from gestalt_space.faces.detection import Detector
from gestalt_space.gallery import models
from gestalt_space.gallery.models import Detectors, OpenModels
from gestalt_space.weights.store import ModelStore


@pytest.fixture(autouse=True)
def three_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(models, "cores", lambda: 3)


@pytest.fixture
def built() -> list[int]:
    """For each detector that was built, how many threads it was to use."""
    return []


@pytest.fixture
def detectors(built: list[int]) -> Detectors:
    def build(threads: int) -> Detector:
        built.append(threads)
        return AlignedDetector()

    return Detectors("aligned", build)


def test_a_detector_is_built_once_and_lent_again(detectors: Detectors, built: list[int]) -> None:
    with detectors.lent(alone=True) as first:
        pass
    with detectors.lent(alone=True) as again:
        pass
    assert again is first
    assert built == [3]


def test_a_photo_alone_has_all_cores_and_one_in_company_has_one(
    detectors: Detectors, built: list[int]
) -> None:
    with detectors.lent(alone=True) as wide, detectors.lent(alone=True) as narrow:
        assert built == [3, 1]
        assert narrow is not wide
    with detectors.lent() as again:
        assert again is narrow
    assert built == [3, 1]


def test_no_more_are_out_than_there_are_cores_however_many_threads_ask(
    detectors: Detectors, built: list[int]
) -> None:
    lock, out, most = threading.Lock(), set[int](), 0

    def work(_: int) -> None:
        nonlocal most
        with detectors.lent() as detector:
            with lock:
                assert id(detector) not in out
                out.add(id(detector))
                most = max(most, len(out))
            time.sleep(0.001)
            with lock:
                out.remove(id(detector))

    with ThreadPoolExecutor(12) as pool:
        list(pool.map(work, range(200)))
    assert most == 3
    assert built == [1, 1, 1]


def test_a_detector_that_broke_is_not_lent_again(detectors: Detectors, built: list[int]) -> None:
    with pytest.raises(RuntimeError), detectors.lent():
        raise RuntimeError("inside the runtime")
    with pytest.raises(NoFace), detectors.lent():
        raise NoFace("There is none.")
    with detectors.lent():
        pass
    assert built == [1, 1]


def test_a_detector_that_cannot_be_built_takes_nobody_s_place() -> None:
    tries: list[int] = []

    def build(threads: int) -> Detector:
        tries.append(threads)
        if len(tries) < 9:
            raise ModelDamaged("cut off")
        return AlignedDetector()

    detectors = Detectors("test", build)
    for _ in range(8):
        with pytest.raises(ModelDamaged), detectors.lent():
            pass
    with detectors.lent() as detector:
        assert detector.name == "aligned"


def test_an_encoder_is_opened_once_however_many_ask_at_once(
    tiny_store: ModelStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[str] = []
    whole = models.open_encoder

    def slow(*given: object, **options: object) -> Encoder:
        opened.append("")
        time.sleep(0.05)
        return whole(*given, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(models, "open_encoder", slow)
    mine, model = OpenModels(tiny_store), tiny_store.get("tiny")
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda _: mine.encoder(model, device="cpu"), range(8)))
    assert len(opened) == 1
    assert all(one is found[0] for one in found)
    assert mine.encoder(tiny_store.get("builtin"), device="cpu") is not found[0]


def test_what_could_not_be_opened_is_tried_again(
    tiny_store: ModelStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    def damaged(*given: object, **options: object) -> Encoder:
        raise ModelDamaged("cut off")

    mine, model = OpenModels(tiny_store), tiny_store.get("tiny")
    with monkeypatch.context() as patched:
        patched.setattr(models, "open_encoder", damaged)
        with pytest.raises(ModelDamaged):
            mine.encoder(model, device="cpu")
    assert mine.encoder(model, device="cpu").spec.dim == 16
    with pytest.raises(ModelNotInstalled):
        mine.detectors("yunet")


def test_two_names_of_one_model_share_its_detectors(tiny_store: ModelStore, tmp_path: Path) -> None:
    mine = OpenModels(tiny_store)
    assert mine.detectors("auto") is mine.detectors("builtin")
    assert mine.detectors("aligned") is not mine.detectors("auto")
    assert mine.detectors("aligned").title == "aligned"
    with pytest.raises(UsageError):
        mine.detectors("builtin", landmarks=tmp_path / "landmarks.csv")


def test_closing_lets_go_of_all(tiny_store: ModelStore) -> None:
    mine = OpenModels(tiny_store)
    detectors = mine.detectors("builtin")
    with detectors.lent() as detector:
        kept = [weakref.ref(detector), weakref.ref(mine.encoder(tiny_store.get("tiny")))]
    del detector, detectors
    gc.collect()
    assert [one() is None for one in kept] == [False, False]
    mine.close()
    gc.collect()
    assert [one() is None for one in kept] == [True, True]
