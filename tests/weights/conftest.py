"""Small model files, and a server on this machine that can misbehave."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tests import made


@dataclass
class LocalServer:
    """Serves `content` at every path. The options say how it misbehaves."""

    content: bytes = b""
    url: str = ""
    status: int = 200
    ranges: bool = True
    says_length: bool = True
    cut_after: int | None = None
    """Close the connection after so many bytes of an answer, once."""
    asked: list[str | None] = field(default_factory=list)
    """The `Range` of each request."""


def _handler(server: LocalServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            wanted = self.headers.get("Range")
            server.asked.append(wanted)
            if server.status != 200:
                self.send_error(server.status)
                return
            start = int(wanted[len("bytes=") : -1]) if wanted and server.ranges else 0
            if start and start >= len(server.content):
                self.send_error(416)
                return
            body = server.content[start:]
            self.send_response(206 if start else 200)
            if server.says_length:
                self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            cut, server.cut_after = server.cut_after, None
            self.wfile.write(body if cut is None else body[:cut])
            self.close_connection = True

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            """Says nothing."""

    return Handler


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[LocalServer]:
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.setenv(name, "127.0.0.1")
    local = LocalServer()
    http = ThreadingHTTPServer(("127.0.0.1", 0), _handler(local))
    local.url = f"http://127.0.0.1:{http.server_port}/file.onnx"
    thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield local
    http.shutdown()
    http.server_close()
    thread.join()


@pytest.fixture
def encoder_file(tmp_path: Path) -> Path:
    """An encoder of 8 dimensions."""
    path = tmp_path / "small.onnx"
    made.arcface_onnx(path, dim=8)
    return path
