from __future__ import annotations

import ast
import importlib
import subprocess
import sys
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path

import pytest

import gestalt_space

ROOT = Path(__file__).parents[1]
PACKAGES = {"gestalt_space": ROOT / "gestalt_space", "gestalt_cli": ROOT / "cli"}

GROUND = frozenset(
    {"ages", "errors", "types", "settings", "devices", "descriptors", "names", "counts", "paths"}
    | {"secret_files", "atomic_files", "atomic_folders", "file_lock", "lock_holders", "lazy_value"}
    | {"call_batching", "same_face", "progress", "tables"}
)
ROOMS = frozenset({"faces", "encoders", "index", "store", "crops", "ranking", "stats"})
ABOVE = (
    ("classifiers",),
    ("phenotype",),
    ("gallery",),
    ("match",),
    ("home", "documents"),
    ("interop",),
)
"""What stands on the rooms, the lowest first; whatever is not named stands on all of it."""
BELOW = (("figures",), ("pages",), ("service",), ("notebook", "gestalt_cli"))
"""What stands on whatever is not named: what computes neither draws nor writes pages."""
HEAVY = ("cv2", "faiss", "insightface", "numpy", "onnx", "onnxruntime", "pandas", "PIL", "pyarrow")
"""Modules that are not loaded before they are needed."""
HEAVY += ("pydantic", "rich", "sqlalchemy", "statsmodels", "torch", "typer")
HEAVY += ("jinja2", "matplotlib")
HEAVY += ("grpc", "milvus_lite", "pymilvus")


def level(room: str) -> int:
    """How high a room stands; whatever is not named here stands between `ABOVE` and `BELOW`."""
    if room in GROUND:
        return 0
    if room in ("weights", "distributed"):
        return 1
    if room in ROOMS:
        return 2
    for number, names in enumerate(ABOVE, start=3):
        if room in names:
            return number
    for number, names in enumerate(BELOW, start=4 + len(ABOVE)):
        if room in names:
            return number
    return 3 + len(ABOVE)


@cache
def import_statements(path: Path) -> tuple[ast.Import | ast.ImportFrom, ...]:
    """The imports of a file, anywhere in it."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return tuple(
        node for node in statements(tree.body) if isinstance(node, ast.Import | ast.ImportFrom)
    )


def statements(nodes: Iterable[ast.AST]) -> Iterator[ast.AST]:
    """Statements and all that stand in them. Most nodes of a tree are of expressions, which have no
    imports and are not walked."""
    for node in nodes:
        yield node
        for inner in ("body", "handlers", "cases", "orelse", "finalbody"):
            if isinstance(found := getattr(node, inner, None), list):
                yield from statements(found)


def imported(path: Path, module: str) -> Iterator[str]:
    """Full names of the modules that a file imports."""
    package = module if path.name == "__init__.py" else module.rpartition(".")[0]
    for node in import_statements(path):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        else:
            base = node.module or ""
            if node.level:
                parents = package.split(".")
                base = ".".join([*parents[: len(parents) - node.level + 1], *filter(None, [base])])
            # `from gestalt_space import errors` imports a module, too.
            yield from (
                f"{base}.{alias.name}" if base in PACKAGES else base for alias in node.names
            )


def room_of(module: str) -> str | None:
    """The room of one of our modules, None for others."""
    package, _, rest = module.partition(".")
    if package == "gestalt_cli":
        return "gestalt_cli"
    return rest.split(".")[0] if package == "gestalt_space" and rest else None


def edges() -> list[tuple[str, str, str]]:
    """Room, imported room, and the file in which the import stands."""
    found = []
    for package, folder in PACKAGES.items():
        for path in sorted(folder.rglob("*.py")):
            parts = path.relative_to(folder).with_suffix("").parts
            module = ".".join([package, *(part for part in parts if part != "__init__")])
            if module == "gestalt_space":
                continue
            room = room_of(module)
            assert room is not None
            found += [
                (room, other, f"{module} imports {name}")
                for name in imported(path, module)
                if (other := room_of(name)) is not None and other != room
            ]
    return found


def test_imports_are_found_at_all():
    pairs = {(room, other) for room, other, _ in edges()}
    assert {("faces", "types"), ("encoders", "weights"), ("weights", "errors")} <= pairs


def test_rooms_import_in_one_direction_only():
    assert [text for room, other, text in edges() if level(other) > level(room)] == []


def test_the_rooms_of_one_floor_do_not_import_each_other():
    wrong = [text for room, other, text in edges() if level(room) == level(other) == 2]
    assert wrong == []


def test_the_ground_floor_has_no_circles():
    found = edges()
    assert circles({(a, b) for a, b, _ in found if a in GROUND and b in GROUND}) == set()


@pytest.mark.parametrize(
    "room", ["crops", "fusion", "gallery", "genomics", "match", "index", "phenotype", "store"]
)
def test_the_modules_of_a_room_have_no_circles(room):
    folder = PACKAGES["gestalt_space"] / room
    prefix = f"gestalt_space.{room}."
    arrows = {
        (module, other)
        for path in folder.rglob("*.py")
        for module in [
            ".".join(["gestalt_space", room, *path.relative_to(folder).with_suffix("").parts])
        ]
        for other in imported(path, module)
        if other.startswith(prefix)
    }
    assert arrows
    assert circles(arrows) == set()


def circles(arrows: set[tuple[str, str]]) -> set[str]:
    """The names that stand in a circle of arrows, or lead into one."""
    rest = {name for arrow in arrows for name in arrow}
    while free := {name for name in rest if not any((name, other) in arrows for other in rest)}:
        rest -= free
    return rest


def test_nothing_imports_the_command_line_or_the_migrations():
    assert [text for _, other, text in edges() if other in ("gestalt_cli", "migrations")] == []


def test_nothing_installed_imports_what_rebuilds_the_models():
    wrong = [
        path
        for package, folder in PACKAGES.items()
        for path in folder.rglob("*.py")
        if any(name.split(".")[0] == "recipes" for name in imported(path, package))
    ]
    assert wrong == []


def test_nothing_imports_the_package_by_its_face():
    wrong = [
        text
        for _, other, text in edges()
        if other in gestalt_space.__all__ and other != "__version__"
    ]
    assert wrong == []


def test_types_is_numpy_only():
    modules = set(imported(PACKAGES["gestalt_space"] / "types.py", "gestalt_space.types"))
    outside = {name.split(".")[0] for name in modules} - set(sys.stdlib_module_names)
    assert outside - {"gestalt_space"} == {"numpy"}


def loaded_by(statement: str) -> set[str]:
    """The top-level modules that a fresh interpreter has after a statement."""
    program = f"import sys\n{statement}\nsys.stdout.write(' '.join(sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    return {name.split(".")[0] for name in done.stdout.split()}


def test_importing_the_package_loads_nothing_heavy():
    loaded = loaded_by("import gestalt_space; gestalt_space.__version__; dir(gestalt_space)")
    assert "gestalt_space" in loaded
    assert loaded & set(HEAVY) == set()


@pytest.mark.parametrize(
    ("statement", "kept_away"),
    [
        ("import gestalt_space.errors", set(HEAVY)),
        ("from gestalt_space import Settings", {"numpy", "torch", "faiss", "cv2", "onnxruntime"}),
        ("from gestalt_space import ModelStore", {"torch", "faiss", "onnxruntime", "insightface"}),
        ("from gestalt_space import read_photo", {"torch", "faiss", "onnxruntime", "insightface"}),
        (
            "import gestalt_space.encoders.registry",
            {"torch", "faiss", "onnxruntime", "insightface"},
        ),
        (
            "from gestalt_space.encoders.family import family_of; family_of('timm')",
            {"torch", "faiss", "onnxruntime", "insightface"},
        ),
        ("import gestalt_space.faces.registry", {"torch", "faiss", "onnxruntime", "insightface"}),
        ("import gestalt_space.home", {"torch", "faiss", "onnxruntime", "pyarrow"}),
        ("import gestalt_space.explain.explanation", {"torch", "captum", "faiss", "onnxruntime"}),
    ],
)
def test_a_name_loads_no_more_than_it_needs(statement: str, kept_away: set[str]):
    assert loaded_by(statement) & kept_away == set()


def test_the_public_names_are_exactly_these():
    assert gestalt_space.__all__ == [
        "Added",
        "AddedPhotos",
        "Disorder",
        "Evidence",
        "Face",
        "Gallery",
        "GestaltError",
        "Intake",
        "Match",
        "MatchLine",
        "ModelStore",
        "PatientFilter",
        "PatientRecord",
        "Photo",
        "PhotoOptions",
        "PhotoRecord",
        "PhotoSource",
        "Probe",
        "Question",
        "Settings",
        "__version__",
        "load_settings",
        "parse_filter",
        "read_photo",
    ]
    assert dir(gestalt_space) == sorted(gestalt_space.__all__)


@pytest.mark.parametrize("name", [n for n in gestalt_space.__all__ if n != "__version__"])
def test_every_public_name_is_the_thing_itself(name: str):
    thing = getattr(gestalt_space, name)
    assert thing.__name__ == name
    assert getattr(importlib.import_module(thing.__module__), name) is thing


def test_a_name_that_is_not_public_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        gestalt_space.nonsense  # noqa: B018
