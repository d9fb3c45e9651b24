"""Every error ends as an exit code, a message on standard error and, if asked, as JSON."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.conftest import Command
from tests.phenotype.made import write_release

HEAVY = ("numpy", "torch", "faiss", "cv2", "onnxruntime", "sqlalchemy", "insightface", "alembic")
WEB = ("argon2", "babel", "fastapi", "limits", "prometheus_client", "starlette", "uvicorn")
USAGE = [
    ("match", "photo.png", "--top", "x"),
    ("match", "photo.png", "--top", "0"),
    ("match", "photo.png", "--face", "0"),
    ("match", "photo.png", "--no-such-option"),
    ("match",),
    ("no-such-command",),
    ("index", "no-such-command"),
    ("index", "remove"),
    ("index", "show"),
    ("align", "photo.png"),
    ("models", "pull"),
]


@pytest.mark.parametrize("words", USAGE, ids=" ".join)
def test_wrong_usage_is_exit_code_2_and_a_message(words: tuple[str, ...], gestalt: Command) -> None:
    ran = gestalt(*words)
    assert ran.code == 2
    assert ran.out == ""
    assert "Error:" in ran.err
    assert "Traceback" not in ran.err


@pytest.mark.parametrize("words", USAGE, ids=" ".join)
def test_wrong_usage_with_json_is_one_json_document(
    words: tuple[str, ...], gestalt: Command
) -> None:
    ran = gestalt(*words, "--json")
    assert ran.code == 2
    assert ran.document["error"]["code"] == "usage"
    assert ran.document["error"]["message"]


def test_a_message_ends_with_one_mark(gestalt: Command) -> None:
    assert "Did you mean 'match'?\n" in gestalt("matc").err
    assert "No such option: --topp (Possible options: --top).\n" in gestalt("match", "--topp").err


def test_help_names_the_commands_of_every_day_first(gestalt: Command) -> None:
    listed = re.findall(r"^│ ([a-z][a-z-]*) ", gestalt("index", "--help").out, re.MULTILINE)
    assert listed[:6] == ["add", "list", "show", "stats", "set", "remove"]


def test_usage_brackets_an_argument_once(gestalt: Command) -> None:
    assert "gestalt match [OPTIONS] [PHOTO]..." in gestalt("match", "--help").out


def test_help_is_shown_for_the_command_alone(gestalt: Command) -> None:
    ran = gestalt()
    assert ran.code in (0, 2)
    assert "Usage" in ran.out + ran.err
    assert "Traceback" not in ran.err


@pytest.mark.parametrize(
    "words",
    [
        (),
        ("match",),
        ("index",),
        ("index", "add"),
        ("models",),
        ("align",),
        ("encode",),
        ("doctor",),
        ("db",),
        ("serve",),
        ("user",),
        ("user", "add"),
    ],
    ids=" ".join,
)
def test_every_command_explains_itself(words: tuple[str, ...], gestalt: Command) -> None:
    ran = gestalt(*words, "--help")
    assert ran.code == 0
    assert "Usage" in ran.out


def test_the_version_is_the_package_s(gestalt: Command) -> None:
    from gestalt_space import __version__

    assert gestalt("--version").out == f"gestalt-space {__version__}\n"


def test_help_imports_nothing_heavy() -> None:
    code = (
        "import sys\n"
        "from gestalt_cli.entry import run\n"
        "assert run(['--help']) == 0\n"
        "assert run(['match', '--help']) == 0\n"
        "assert run(['serve', '--help']) == 0\n"
        "assert run(['user', 'add', '--help']) == 0\n"
        f"heavy = [name for name in {HEAVY + WEB!r} if name in sys.modules]\n"
        "sys.exit(' '.join(heavy) or 0)\n"
    )
    ran = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False
    )
    assert ran.returncode == 0, ran.stderr


def test_a_match_needs_no_package_of_the_service(home: Path) -> None:
    code = "import sys\n"
    code += f"sys.modules.update(dict.fromkeys({WEB!r}))\n"
    code += "from gestalt_cli.entry import run\nsys.exit(run(['index', 'stats']))\n"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert "no gallery" in ran.stderr.lower()
    assert ran.returncode == 1


@pytest.fixture
def service_not_loaded() -> Iterator[None]:
    """As if nothing had imported the service yet; what the test makes of it is forgotten."""

    def loaded() -> list[str]:
        return [name for name in sys.modules if name.startswith("gestalt_space.service")]

    before = {name: sys.modules.pop(name) for name in loaded()}
    yield
    for name in loaded():
        del sys.modules[name]
    sys.modules.update(before)


@pytest.mark.usefixtures("service_not_loaded")
@pytest.mark.parametrize(
    "words",
    [("serve",), ("user", "list"), ("user", "add", "anna"), ("demo", "--serve", "--quiet")],
    ids=" ".join,
)
def test_the_service_says_which_packages_it_needs(
    words: tuple[str, ...], gestalt: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    there = importlib.util.find_spec
    monkeypatch.setattr(
        "importlib.util.find_spec", lambda name: None if name in WEB else there(name)
    )
    ran = gestalt(*words, "--home", "home") if words[0] != "demo" else gestalt(*words)
    assert ran.code == 2
    assert "The service needs argon2-cffi, babel, fastapi, limits, " in ran.err
    assert "pip install 'gestalt-space[service]'" in ran.err


def test_the_installed_command_runs_in_a_process_of_its_own(home: Path) -> None:
    ran = subprocess.run(
        [sys.executable, "-c", "from gestalt_cli import main; main()", "models", "list", "--json"],
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    assert "tiny" in [model["name"] for model in json.loads(ran.stdout)["installed"]]


def test_a_fault_of_ours_is_exit_code_70_and_still_json(
    gestalt: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(home: object = None) -> None:
        raise RuntimeError("out of order")

    monkeypatch.setattr("gestalt_space.settings.load_settings", broken)
    ran = gestalt("models", "list", "--json")
    assert ran.code == 70
    assert "out of order" in ran.document["error"]["message"]
    assert "Traceback" in ran.err


@pytest.mark.parametrize("rank", ["0", "1"])
def test_of_the_processes_of_torchrun_the_first_shows_its_error(
    gestalt: Command, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, rank: str
) -> None:
    def broken(home: object = None) -> None:
        raise RuntimeError("of patient P17")

    place = tmp_path / "error.json"
    monkeypatch.setenv("RANK", rank)
    monkeypatch.setenv("TORCHELASTIC_ERROR_FILE", str(place))
    missing = gestalt("index", "list")
    assert missing.code == 1
    assert ("There is no gallery" in missing.err) == (rank == "0")
    if rank == "1":
        told = json.loads(place.read_text(encoding="utf-8"))["message"]
        assert (missing.err, told["message"]) == ("", "gallery_missing")
    monkeypatch.setattr("gestalt_space.settings.load_settings", broken)
    fault = gestalt("models", "list")
    assert fault.code == 70
    assert ("Traceback" in fault.err) == (rank == "0")
    if rank == "1":
        told = json.loads(place.read_text(encoding="utf-8"))["message"]
        assert told["message"] == "fault RuntimeError"
        # As somebody starts a process who is not torchrun.
        monkeypatch.delenv("TORCHELASTIC_ERROR_FILE")
        assert "Traceback" in gestalt("models", "list").err


def test_an_interruption_is_exit_code_130(
    gestalt: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(home: object = None) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("gestalt_space.settings.load_settings", interrupted)
    ran = gestalt("models", "list")
    assert ran.code == 130
    assert ran.err == "Error: Interrupted.\n"


def test_a_reader_that_goes_away_ends_the_command_quietly(filled: Path) -> None:
    code = "from gestalt_cli import main; main()"
    process = subprocess.Popen(
        [sys.executable, "-c", code, "index", "list", "--csv", "-"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdout is not None
    process.stdout.close()
    assert process.stderr is not None
    with process.stderr:
        told = process.stderr.read()
    assert process.wait(60) in (0, 1)
    assert b"Traceback" not in told


def test_a_wrong_setting_is_told(gestalt: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GESTALT_BATCH_SIZE", "none")
    ran = gestalt("index", "stats", "--json")
    assert ran.code == 2
    assert "batch_size" in ran.document["error"]["message"]


def test_a_home_that_cannot_be_a_folder_is_told(gestalt: Command, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder", encoding="utf-8")
    ran = gestalt("index", "stats", "--home", tmp_path / "file" / "home", "--json")
    assert ran.code == 1
    assert ran.document["error"]["code"] == "database"


def test_a_home_of_an_unknown_user_is_told(gestalt: Command) -> None:
    ran = gestalt("index", "stats", "--home", "~no-such-user-here/home", "--json")
    assert ran.code == 2
    assert ran.document["error"]["code"] == "usage"


@pytest.mark.parametrize("stream", [1, 2])
def test_a_stream_that_the_caller_has_closed_is_no_fault(stream: int) -> None:
    program = "import gestalt_cli; raise SystemExit(gestalt_cli.main())"
    command = f"{sys.executable} -c '{program}' simulate terms {stream}>&-"
    ran = subprocess.run(["sh", "-c", command], capture_output=True, text=True, check=False)
    assert ran.returncode == 0
    assert "Traceback" not in ran.stdout + ran.stderr


CLOSED_EARLY = [
    ("phenotype", "search", "nose"),
    pytest.param(("phenotype", "search", "nose", "--json"), marks=pytest.mark.lengthy),
    pytest.param(("phenotype", "rank", "--hpo", "HP:0000011"), marks=pytest.mark.lengthy),
    ("phenotype", "rank", "--hpo", "HP:0000011", "--json"),
    ("phenotype", "rank", "--hpo", "HP:0000011", "--csv", "-"),
    ("models", "list"),
]


@pytest.mark.parametrize("words", CLOSED_EARLY, ids=" ".join)
def test_a_reader_who_closes_the_pipe_is_no_failure(words: tuple[str, ...], tmp_path: Path) -> None:
    release = write_release(tmp_path / "release")
    end, start = os.pipe()
    os.close(end)
    ran = subprocess.run(
        [sys.executable, "-m", "gestalt_cli", *words],
        stdout=start,
        stderr=subprocess.PIPE,
        check=False,
        env={**os.environ, "GESTALT_HPO_RELEASE": str(release), "GESTALT_HOME": str(tmp_path)},
    )
    os.close(start)
    assert (ran.returncode, ran.stderr) == (0, b"")


def test_a_message_that_nobody_reads_breaks_nothing_off(tmp_path: Path) -> None:
    release = write_release(tmp_path / "release")
    cases = tmp_path / "cases.csv"
    cases.write_text("case,hpo\na,HP:9999999\nb,HP:0000011\n")
    end, start = os.pipe()
    os.close(end)
    ran = subprocess.run(
        [sys.executable, "-m", "gestalt_cli", "phenotype", "rank", "--table", cases],
        stdout=subprocess.PIPE,
        stderr=start,
        check=False,
        env={**os.environ, "GESTALT_HPO_RELEASE": str(release)},
    )
    os.close(start)
    assert ran.returncode == 3
    assert b"Disorder 1" in ran.stdout
