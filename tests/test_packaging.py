"""The wheel: what is in it, and that it works where there is no checkout."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
import sysconfig
import zipfile
from importlib import metadata
from pathlib import Path

import pytest

from gestalt_space.store.migrating import REVISION

ROOT = Path(__file__).parents[1]
FOLDERS = {"gestalt_space": "gestalt_space", "cli": "gestalt_cli"}
FOLDERS["migrations"] = "gestalt_space/migrations"


def call(*words: object, **options: object) -> str:
    ran = subprocess.run(
        [str(word) for word in words],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
        **options,  # type: ignore[call-overload]
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return str(ran.stdout)


def tracked() -> list[str]:
    """The files of the checkout that git knows or would take."""
    words = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    ran = subprocess.run(words, cwd=ROOT, capture_output=True, check=False)
    if ran.returncode:
        pytest.skip("not a git checkout: what belongs to it cannot be told from what does not")
    names = ran.stdout.decode().split("\0")
    return [name for name in names if name and (ROOT / name).is_file()]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of the checkout, built aside without a network."""
    if importlib.util.find_spec("build") is None:
        pytest.skip("`build` is not installed: pip install gestalt-space[dev]")
    try:
        setuptools = metadata.version("setuptools")
    except metadata.PackageNotFoundError:
        pytest.skip("setuptools is not installed: pip install 'setuptools>=77'")
    if int(setuptools.split(".")[0]) < 77:
        pytest.skip(f"setuptools {setuptools} is too old: pip install 'setuptools>=77'")
    tree = tmp_path_factory.mktemp("tree")
    for name in tracked():
        (tree / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / name, tree / name)
    place = tmp_path_factory.mktemp("wheel")
    call(
        *(sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", place, tree),
        cwd=place,
    )
    (built,) = place.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def new_python(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Python of an empty environment with the wheel, and our dependencies within its reach."""
    folder = tmp_path_factory.mktemp("venv") / "v"
    call(sys.executable, "-m", "venv", "--without-pip", folder)
    python = folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    pip = (sys.executable, "-m", "pip", "--python", python)  # a copy of pip takes seconds to make
    call(*pip, "install", "--no-deps", "--no-index", "--no-input", wheel)
    site = call(python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))").strip()
    # A path in a .pth file is searched, and the .pth files in it are not read: the finder of an
    # editable install stays behind, and with it the checkout.
    ours = {sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}
    Path(site, "dependencies.pth").write_text("\n".join(ours) + "\n", encoding="utf-8")
    return python


@pytest.fixture
def outside(tmp_path: Path) -> dict[str, object]:
    """An empty folder and a home of its own, and nothing that names the checkout."""
    folder = tmp_path / "empty"
    folder.mkdir()
    left_out = ("PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV")
    environment = {name: value for name, value in os.environ.items() if name not in left_out}
    environment["GESTALT_HOME"] = str(tmp_path / "new home")
    return {"cwd": folder, "env": environment}


def test_the_wheel_holds_our_names_alone(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    top = {name.split("/")[0] for name in names}
    assert {name for name in top if not name.endswith(".dist-info")} == {
        "gestalt_space",
        "gestalt_cli",
    }
    assert len([name for name in top if name.endswith(".dist-info")]) == 1
    assert not [name for name in names if "test" in name or name.endswith(".pyc")]
    builtin = "gestalt_space/weights/builtin/"
    assert {Path(name).name for name in names if name.startswith(builtin)} == {
        "MODEL_CARD.md",
        "cover.onnx",
        "detector.onnx",
        "encoder.onnx",
        "model.json",
        "persons.safetensors",
    }
    assert not [n for n in names if n.endswith(".onnx") and not n.startswith(builtin)]


def test_every_module_of_the_checkout_is_in_the_wheel(wheel: Path) -> None:
    packed = set(zipfile.ZipFile(wheel).namelist())
    wanted = set()
    for name in tracked():
        first, _, rest = name.partition("/")
        if first in FOLDERS and name.endswith((".py", "py.typed")):
            wanted.add(f"{FOLDERS[first]}/{rest}")
    assert len(wanted) > 40
    assert wanted <= packed


def test_every_package_of_the_checkout_is_declared() -> None:
    import tomllib

    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    declared = set(settings["tool"]["setuptools"]["packages"])
    found = set()
    for name in tracked():
        folder, _, file = name.rpartition("/")
        first, _, rest = folder.partition("/")
        if file == "__init__.py" and first in FOLDERS:
            found.add("/".join(filter(None, (FOLDERS[first], rest))).replace("/", "."))
    assert found == declared


def test_the_licence_is_in_the_wheel(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        (name,) = [name for name in archive.namelist() if name.endswith("METADATA")]
        text = archive.read(name).decode()
        assert [one for one in archive.namelist() if one.endswith("licenses/LICENSE")]
    assert "License-Expression: Apache-2.0" in text
    assert "Requires-Python: >=3.11" in text


def test_the_installed_package_is_the_wheel_s(new_python: Path, outside: dict[str, object]) -> None:
    code = (
        "import gestalt_cli, gestalt_space, gestalt_space.migrations as m, sys;"
        "print(gestalt_cli.__file__, gestalt_space.__file__, m.__file__, *sys.path, sep='\\n')"
    )
    cli, package, migrations, *path = call(new_python, "-c", code, **outside).splitlines()
    environment = str(new_python.parents[1])
    assert [place.startswith(environment) for place in (cli, package, migrations)] == [True] * 3
    assert str(ROOT) not in path


def test_the_command_runs_from_the_wheel(new_python: Path, outside: dict[str, object]) -> None:
    gestalt = new_python.with_name("gestalt.exe" if os.name == "nt" else "gestalt")
    assert "Usage" in call(gestalt, "--help", **outside)
    assert not list(Path(str(outside["cwd"])).iterdir())


def test_the_database_is_made_from_the_wheel(
    new_python: Path, outside: dict[str, object], tmp_path: Path
) -> None:
    gestalt = new_python.with_name("gestalt.exe" if os.name == "nt" else "gestalt")
    call(gestalt, "db", "upgrade", **outside)
    assert (tmp_path / "new home" / "gallery.sqlite3").is_file()
    assert f"current {REVISION}" in call(gestalt, "db", "status", **outside)
    assert '"patients": 0' in call(gestalt, "index", "stats", "--json", **outside)
