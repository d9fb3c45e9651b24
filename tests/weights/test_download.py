from __future__ import annotations

import hashlib
import socket
from pathlib import Path
from urllib.error import HTTPError

import numpy as np
import pytest

from gestalt_space.errors import DownloadFailed, ModelDamaged
from gestalt_space.weights.download import CHUNK, download
from gestalt_space.weights.download import DownloadProgress as ProgressCall
from tests.weights.conftest import LocalServer

CONTENT = np.random.default_rng(1).bytes(3 * CHUNK + 1234)
SHA256 = hashlib.sha256(CONTENT).hexdigest()


class Progress:
    """Remembers what it was told."""

    def __init__(self) -> None:
        self.calls: list[tuple[int, int | None]] = []

    def __call__(self, done: int, total: int | None) -> None:
        self.calls.append((done, total))


def fetch(url: str, target: Path, progress: ProgressCall, sha256: str | None = SHA256) -> None:
    download(
        url,
        target,
        by_hand="gestalt models add offer.onnx --name offer",
        sha256=sha256,
        progress=progress,
    )


@pytest.fixture
def progress() -> Progress:
    return Progress()


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return tmp_path / "downloads" / "file.onnx"


@pytest.fixture
def part(target: Path) -> Path:
    target.parent.mkdir()
    return target.with_name("file.onnx.part")


def test_a_file_is_fetched_whole(server: LocalServer, target: Path, progress: Progress):
    server.content = CONTENT
    fetch(server.url, target, progress)
    assert target.read_bytes() == CONTENT
    assert [path.name for path in target.parent.iterdir()] == ["file.onnx"]
    assert server.asked == [None]


def test_progress_runs_from_nothing_to_the_whole(
    server: LocalServer, target: Path, progress: Progress
):
    server.content = CONTENT
    fetch(server.url, target, progress)
    done = [call[0] for call in progress.calls]
    assert done[0] == 0
    assert done == sorted(done)
    assert progress.calls[-1] == (len(CONTENT), len(CONTENT))


def test_a_server_that_does_not_say_the_length_is_borne(
    server: LocalServer, target: Path, progress: Progress
):
    server.content, server.says_length = CONTENT, False
    fetch(server.url, target, progress)
    assert target.read_bytes() == CONTENT
    assert progress.calls[-1] == (len(CONTENT), None)


def test_a_connection_that_breaks_keeps_what_came_and_is_taken_up_again(
    server: LocalServer, target: Path, progress: Progress
):
    server.content, server.cut_after = CONTENT, CHUNK + 77
    with pytest.raises(DownloadFailed) as caught:
        fetch(server.url, target, progress)
    assert server.url in caught.value.message
    assert "gestalt models add offer" in caught.value.hint
    assert not target.exists()
    assert target.with_name("file.onnx.part").read_bytes() == CONTENT[: CHUNK + 77]
    fetch(server.url, target, progress)
    assert target.read_bytes() == CONTENT
    assert server.asked == [None, f"bytes={CHUNK + 77}-"]
    assert progress.calls[-1] == (len(CONTENT), len(CONTENT))


def test_a_connection_that_breaks_without_a_length_is_told_by_the_sha256(
    server: LocalServer, target: Path, progress: Progress
):
    server.content, server.says_length, server.cut_after = CONTENT, False, 5000
    with pytest.raises(ModelDamaged):
        fetch(server.url, target, progress)
    assert not target.exists()


def test_a_server_that_knows_no_ranges_is_asked_for_the_whole(
    server: LocalServer, target: Path, part: Path, progress: Progress
):
    server.content, server.ranges = CONTENT, False
    part.write_bytes(b"old rubbish")
    fetch(server.url, target, progress)
    assert target.read_bytes() == CONTENT
    assert server.asked == [f"bytes={len(b'old rubbish')}-"]
    assert not part.exists()


def test_a_part_that_is_whole_already_is_put_in_place(
    server: LocalServer, target: Path, part: Path, progress: Progress
):
    server.content = CONTENT
    part.write_bytes(CONTENT)
    fetch(server.url, target, progress)
    assert target.read_bytes() == CONTENT


@pytest.mark.parametrize("left", [b"rubbish", CONTENT + b"more"])
def test_a_part_of_another_file_is_deleted_so_that_the_next_try_succeeds(
    left: bytes, server: LocalServer, target: Path, part: Path, progress: Progress
):
    server.content = CONTENT
    part.write_bytes(left)
    with pytest.raises(ModelDamaged):
        fetch(server.url, target, progress)
    assert list(target.parent.iterdir()) == []
    fetch(server.url, target, progress)
    assert target.read_bytes() == CONTENT


def test_wrong_content_is_refused_and_nothing_of_it_is_kept(
    server: LocalServer, target: Path, progress: Progress
):
    server.content = b"<html>Please sign in</html>"
    with pytest.raises(ModelDamaged, match=SHA256) as caught:
        fetch(server.url, target, progress)
    assert hashlib.sha256(server.content).hexdigest() in caught.value.message
    assert "do not use it" in caught.value.hint
    assert list(target.parent.iterdir()) == []


def test_without_a_sha256_what_came_is_taken(server: LocalServer, target: Path, progress: Progress):
    server.content = b"anything"
    fetch(server.url, target, progress, sha256=None)
    assert target.read_bytes() == b"anything"


@pytest.mark.parametrize(("status", "reason"), [(404, "Not Found"), (500, "Internal Server Error")])
def test_an_answer_that_is_an_error_names_the_way_without_a_network(
    status: int, reason: str, server: LocalServer, target: Path, progress: Progress
):
    server.status = status
    with pytest.raises(DownloadFailed, match=reason) as caught:
        fetch(server.url, target, progress)
    assert "gestalt models add offer.onnx --name offer" in caught.value.hint
    assert list(target.parent.iterdir()) == []


@pytest.mark.parametrize("status", [404, 503])
def test_an_answer_that_is_an_error_leaves_no_connection_open(
    status: int, server: LocalServer, target: Path, progress: Progress
):
    server.status = status
    with pytest.raises(DownloadFailed) as caught:
        fetch(server.url, target, progress)
    cause = caught.value.__cause__
    assert isinstance(cause, HTTPError)
    assert cause.fp.closed


def test_an_error_of_the_server_keeps_the_part(
    server: LocalServer, target: Path, part: Path, progress: Progress
):
    server.status = 503
    part.write_bytes(CONTENT[:1000])
    with pytest.raises(DownloadFailed):
        fetch(server.url, target, progress)
    assert part.read_bytes() == CONTENT[:1000]


def test_a_machine_that_does_not_answer_is_a_failed_download(
    target: Path, progress: Progress, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        with pytest.raises(DownloadFailed, match="refused"):
            fetch(f"http://127.0.0.1:{port}/f", target, progress)


def test_a_file_that_is_there_stays_until_the_new_one_is_whole(
    server: LocalServer, target: Path, part: Path, progress: Progress
):
    target.write_bytes(b"the old one")
    server.content, server.cut_after = CONTENT, 1000
    with pytest.raises(DownloadFailed):
        fetch(server.url, target, progress)
    assert target.read_bytes() == b"the old one"
    fetch(server.url, target, progress)
    assert target.read_bytes() == CONTENT


def test_an_interruption_by_the_user_keeps_what_came(server: LocalServer, target: Path):
    server.content = CONTENT

    def interrupt(done: int, total: int | None) -> None:
        if done >= CHUNK:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fetch(server.url, target, interrupt)
    kept = target.with_name("file.onnx.part").read_bytes()
    assert kept == CONTENT[: len(kept)]
    assert len(kept) >= CHUNK
    fetch(server.url, target, Progress())
    assert target.read_bytes() == CONTENT
