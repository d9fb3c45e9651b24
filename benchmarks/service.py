"""The service beside the library alone: one match, many at once, the page, and the start.

python -m benchmarks.service FOLDER [--patients 10000] [--rounds 5]

The galleries are the built-in encoder's, and those of an IResNet-50 with random weights: real
descriptors of simulated faces, spread over as many patients as are asked for. Library and service
are asked in turn, on the same gallery, with the same photos; both write each match into the audit
trail. The service runs in a process of its own, and its clients in another, on the same cores: what
each of them takes of the processor for a match stands beside it. The page is that of Chromium.
FOLDER keeps the galleries for the next run.
"""

from __future__ import annotations

import argparse
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import httpx2
import numpy as np
import psutil
from playwright.sync_api import sync_playwright

from benchmarks.encoders import Plan, network_files
from benchmarks.million_rows import insert_people, insert_photos
from benchmarks.table import keep
from benchmarks.threads import simulated
from gestalt_space import Gallery
from gestalt_space.encoders.registry import encoder_spec
from gestalt_space.gallery.pipeline import PhotoSource
from gestalt_space.match.question import TEN_DISORDERS
from gestalt_space.service.routers.match import matched
from gestalt_space.settings import load_settings
from gestalt_space.store import writes
from gestalt_space.store.engine import Database
from gestalt_space.weights.store import ModelStore

SEED = 18
CLIENTS = 32
PROBES = 64
SPREAD = 0.3
"""Length of the noise by which patients differ from the simulated face that they are made of."""
ASKED = {"built-in models": "1.0 ×", "IResNet-50": "1.5 ×"}
"""Of the throughput of many clients, on two cores."""
PAUSE = 0.5
"""Seconds before the page and the call: by then the faces of the last ranking have come."""
ASK = """() => new Promise((stood) => {
  const start = performance.now();
  new MutationObserver((_, watch) => {
    if (!document.querySelector("table.ranking")) return;
    watch.disconnect();
    stood(performance.now() - start);
  }).observe(document.body, { childList: true, subtree: true });
  document.querySelector("#go").click();
})"""
"""Clicks, and takes the time in the page itself until the table is in it: a program that looks from
outside, again and again, is slower than the page, and slows it."""
Row = tuple[str, str, str, str, str]


def fill(
    home: Path, photos: Sequence[Path], patients: int, photos_each: int = 1, model: str = "builtin"
) -> None:
    """A gallery of an encoder with as many patients as asked for."""
    with Gallery.open(home, space=model, detector="builtin") as gallery:
        sources = [PhotoSource(path.name, path, largest=True) for path in photos]
        real = np.stack(
            [
                one.descriptor
                for some in gallery.pipeline.run(sources)
                for one in some
                if one.descriptor is not None
            ]
        )
        spec = encoder_spec(gallery.space.model)
    rng = np.random.default_rng(SEED)
    database = Database(load_settings(home).database)
    rows = patients * photos_each
    owners = np.repeat(np.arange(patients), photos_each)
    with database.writing() as session:
        space = writes.add_space(
            session,
            model=model,
            fingerprint=spec.fingerprint,
            specification=spec.to_json(),
            dim=spec.descriptor_dim,
        )
        insert_people(session, rng.integers(0, max(2, patients // 20), patients), SEED)
        for start in range(0, rows, 10_000):
            own = owners[start : start + 10_000]
            noise = rng.standard_normal((len(own), real.shape[1])) / np.sqrt(real.shape[1])
            vectors = real[own % len(real)] + SPREAD * noise
            vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
            insert_photos(
                session, start, own, vectors.astype(np.float32), space_id=space, seed=SEED
            )
    database.close()
    with Gallery.open(home) as gallery:
        gallery.rebuild()


def install_iresnet50(home: Path) -> str:
    """An IResNet-50 with random weights, by its name in the home."""
    with tempfile.TemporaryDirectory() as folder:
        ((name, path, _),) = network_files(Path(folder), Plan(("iresnet50",)), None)
        store = ModelStore(load_settings(home).models_dir)
        store.add(path, name=name, license_name="random weights")
    return name


@contextmanager
def served(home: Path) -> Iterator[tuple[str, float, psutil.Process]]:
    """The address of a service, the seconds until it was ready, and its process."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    start = time.perf_counter()
    words = ["serve", "--home", home, "--port", str(port), "--detector", "builtin", "--quiet"]
    process = subprocess.Popen([Path(sys.executable).with_name("gestalt"), *words])
    try:
        address = f"http://127.0.0.1:{port}"
        while True:
            try:
                if httpx2.get(f"{address}/health/ready", trust_env=False).status_code == 200:
                    break
            except httpx2.TransportError:
                time.sleep(0.01)
        yield address, time.perf_counter() - start, psutil.Process(process.pid)
    finally:
        process.terminate()
        process.wait()


def asked(client: httpx2.Client, photo: Path) -> float:
    """Seconds of one match by the service."""
    start = time.perf_counter()
    answer = client.post("/api/v1/match", files={"photo": (photo.name, photo.read_bytes())})
    assert answer.status_code == 200, answer.text
    return time.perf_counter() - start


def called(gallery: Gallery, photo: Path) -> float:
    """Seconds of the same match by the library."""
    start = time.perf_counter()
    source = PhotoSource(photo.name, photo.read_bytes(), largest=True)
    matched(gallery, [source], TEN_DISORDERS, as_one=False)
    return time.perf_counter() - start


def used(process: psutil.Process) -> float:
    """Seconds that a process has had of the processor."""
    times = process.cpu_times()
    return float(times.user + times.system)


def measure(home: Path, photos: Sequence[Path], rounds: int, name: str) -> Iterator[Row]:
    """The rows of the table for one gallery."""
    one_service, one_library, rates, calls, p99 = [], [], [], [], []
    costs: dict[str, list[float]] = {"service": [], "clients": [], "library": []}
    me, many = psutil.Process(), [*photos, *photos]
    with (
        Gallery.open(home, detector="builtin") as opened,
        served(home) as (address, _, service),
        httpx2.Client(base_url=address, trust_env=False, timeout=120) as client,
    ):
        gallery = opened.acting_for("benchmark")
        for photo in photos[:8]:
            asked(client, photo)
            called(gallery, photo)
        for _ in range(rounds):
            before = used(me)
            one_library += [called(gallery, photo) for photo in photos]
            costs["library"].append((used(me) - before) / len(photos))
            one_service += [asked(client, photo) for photo in photos]
            start, before, of_service = time.perf_counter(), used(me), used(service)
            with ThreadPoolExecutor(CLIENTS) as clients:
                taken = list(clients.map(lambda photo: asked(client, photo), many))
            rates.append(len(many) / (time.perf_counter() - start))
            costs["clients"].append((used(me) - before) / len(many))
            costs["service"].append((used(service) - of_service) / len(many))
            calls.append(len(photos) / sum(one_library[-len(photos) :]))
            p99.append(np.percentile(taken, 99) / np.percentile(taken, 50))
    one, alone = statistics.median(one_service), statistics.median(one_library)
    ratio = statistics.median(a / b for a, b in zip(rates, calls, strict=True))
    cost = {who: 1e3 * statistics.median(seconds) for who, seconds in costs.items()}
    yield (
        f"{name}: one match, p50",
        f"{one * 1e3:.1f} ms",
        f"{alone * 1e3:.1f} ms",
        f"{one / alone:.2f} ×",
        "at most 1.25 ×",
    )
    yield (
        f"{name}: {CLIENTS} clients",
        f"{statistics.median(rates):.1f}/s",
        f"{statistics.median(calls):.1f}/s",
        f"{ratio:.2f} ×",
        ASKED[name],
    )
    yield (
        f"{name}: processor time of a match by {CLIENTS} clients",
        f"{cost['service']:.1f} ms, and {cost['clients']:.1f} ms of the clients",
        f"{cost['library']:.1f} ms",
        "",
        "",
    )
    yield (
        f"{name}: {CLIENTS} clients, p99 of p50",
        "",
        "",
        f"{statistics.median(p99):.2f} ×",
        "at most 4 ×",
    )


def page_beside_call(home: Path, photos: Sequence[Path]) -> Row:
    """Until the ranking stands on the page Ask in Chromium, beside the call of the API."""
    pages, calls = [], []
    with (
        served(home) as (address, _, _),
        httpx2.Client(base_url=address, trust_env=False, timeout=120) as client,
        sync_playwright() as playwright,
    ):
        # In a container Chromium has no sandbox; it asks only a server of ours.
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox"]
        )
        page = browser.new_page()
        for photo in photos:
            page.goto(f"{address}/")
            page.set_input_files("#files", [photo])
            page.locator("#photos .good, #photos .remark").first.wait_for()
            time.sleep(PAUSE)
            pages.append(page.evaluate(ASK) / 1e3)
            time.sleep(PAUSE)
            calls.append(asked(client, photo))
        browser.close()
    # The first photo warms up.
    shown, answered = statistics.median(pages[1:]), statistics.median(calls[1:])
    return (
        "page Ask until the ranking stands, beside the call by HTTP",
        f"{shown * 1e3:.1f} ms",
        f"{answered * 1e3:.1f} ms",
        f"{shown / answered:.2f} ×",
        "at most 1.5 ×",
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--patients", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=5)
    given = parser.parse_args()
    given.folder.mkdir(exist_ok=True)
    faces = given.folder / "photos"
    if not faces.exists():
        faces.mkdir()
        simulated(faces, 500 + PROBES)
    photos = sorted(faces.glob("*.jpg"))
    home, large = given.folder / "home", given.folder / "large"
    deep = given.folder / "iresnet50"
    if not home.exists():
        fill(home, photos[PROBES:], given.patients)
    if not large.exists():
        fill(large, photos[PROBES:], 50_000, 2)
    if not deep.exists():
        fill(deep, photos[PROBES:], given.patients, model=install_iresnet50(deep))
    rows = list(measure(home, photos[:PROBES], given.rounds, "built-in models"))
    rows += measure(deep, photos[:PROBES], given.rounds, "IResNet-50")
    rows.append(page_beside_call(home, photos[:PROBES]))
    with served(large):
        pass
    starts = []
    for _ in range(given.rounds):
        with served(large) as (_, seconds, _):
            starts.append(seconds)
    median = f"{statistics.median(starts):.1f} s"
    rows.append(("start until ready, 100,000 photos", median, "", "", "at most 3 s"))
    keep(
        "service",
        f"python -m benchmarks.service FOLDER --patients {given.patients} --rounds {given.rounds}"
        f"  # seed {SEED}",
        ("what", "service", "library", "ratio", "asked"),
        rows,
    )


if __name__ == "__main__":
    main()
