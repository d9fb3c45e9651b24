"""The nginx of docs/deployment.md before the service: its own block, with other ports and paths."""

from __future__ import annotations

import re
import shutil
import socket
import ssl
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest

from gestalt_space.service import users
from tests.galleries import open_gallery
from tests.service.conftest import PASSWORD
from tests.service.served import served

PROGRAM = shutil.which("nginx", path="/usr/sbin:/usr/bin:/usr/local/sbin:/usr/local/bin")
NAME = "gestalt.hospital.example"
pytestmark = [
    pytest.mark.browser,
    pytest.mark.sqlite_only("a process of the test opens the home by itself"),
    pytest.mark.skipif(
        PROGRAM is None or shutil.which("openssl") is None,
        reason="nginx or openssl is missing: apt-get install nginx-light openssl",
    ),
]
AROUND = """
daemon off;
pid {folder}/pid;
error_log {folder}/error.log;
events {{}}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    {block}
}}
"""


def documented_block(port: int, service: str, folder: Path, path: str) -> str:
    """The block of the page, for these ports and files; `path`: under which the service stands."""
    page = Path(__file__).parents[2] / "docs" / "deployment.md"
    (block,) = re.findall(r"```nginx\n(.*?)```", page.read_text(encoding="utf-8"), re.S)
    told = {
        "listen 443 ssl": f"listen 127.0.0.1:{port} ssl",
        "/etc/ssl/gestalt.pem": str(folder / "cert.pem"),
        "/etc/ssl/private/gestalt.key": str(folder / "key.pem"),
        "http://127.0.0.1:8000": f"{service}/" if path else service,
        "location / {": f"location {path}/ {{",
    }
    for before, after in told.items():
        assert before in block
        block = block.replace(before, after)
    return block


def free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


@pytest.fixture(params=["", "/gestalt"], ids=["at the root", "under a path"])
def through(request: pytest.FixtureRequest, home: Path, tmp_path: Path) -> Iterator[httpx2.Client]:
    """A client that asks the service through nginx with TLS. The user anna is an admin."""
    path = request.param
    folder = tmp_path / "nginx"
    folder.mkdir()
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"),
            *("-subj", f"/CN={NAME}", "-addext", "subjectAltName=IP:127.0.0.1"),
            *("-keyout", folder / "key.pem", "-out", folder / "cert.pem"),
        ],
        check=True,
        capture_output=True,
    )
    with open_gallery(home) as gallery:
        users.add_user(gallery.database, "anna", "admin", PASSWORD)
    words = ["--trusted-proxy", "127.0.0.1", "--server-name", NAME]
    if path:
        words += ["--root-path", path]
    port = free_port()
    with served(home, *words) as service:
        upstream = service.address.removesuffix(path)
        config = folder / "nginx.conf"
        block = documented_block(port, upstream, folder, path)
        config.write_text(AROUND.format(folder=folder, block=block), encoding="utf-8")
        assert PROGRAM is not None
        proxy = subprocess.Popen(
            [PROGRAM, "-p", folder, "-c", config, "-e", folder / "error.log"],
            stdin=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            _wait_for(port, proxy, folder)
            trust = ssl.create_default_context(cafile=str(folder / "cert.pem"))
            with httpx2.Client(
                base_url=f"https://127.0.0.1:{port}{path}",
                verify=trust,
                trust_env=False,
                timeout=30,
                headers={"Host": NAME},
            ) as client:
                yield client
        finally:
            proxy.terminate()
            proxy.wait(timeout=20)
        assert service.end() == 0


def _wait_for(port: int, proxy: subprocess.Popen[bytes], folder: Path) -> None:
    until = time.monotonic() + 20
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            assert proxy.poll() is None, (folder / "error.log").read_text()
            assert time.monotonic() < until
            time.sleep(0.05)
        else:
            return


def test_the_documented_proxy(through: httpx2.Client, photo: tuple[str, bytes]) -> None:
    # Nobody comes in through the proxy without saying who asks.
    refused = through.post("/api/v1/match", files={"photo": photo})
    assert refused.status_code == 401

    entered = through.post("/api/v1/session", json={"name": "anna", "password": PASSWORD})
    assert entered.status_code in (200, 201), entered.text
    assert entered.headers["strict-transport-security"]
    cookie = entered.headers["set-cookie"].lower()
    assert "; secure" in cookie
    assert "; httponly" in cookie
    secret = entered.headers["set-cookie"].split(";")[0]
    seen = through.get("/api/v1/session", headers={"Cookie": secret})
    assert seen.status_code == 200
    headers = {"Cookie": secret, "X-CSRF-Token": seen.json()["csrf"]}
    answer = through.post("/api/v1/match", files={"photo": photo}, headers=headers)
    assert answer.status_code == 200, answer.text
    assert answer.json()["probes"][0]["disorders"]
