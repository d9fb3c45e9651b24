from __future__ import annotations

import inspect
import re

import pytest

from gestalt_space import errors
from gestalt_space.errors import ConsentReturns, GestaltError, ImportConflict

CLASSES = [
    member
    for _, member in inspect.getmembers(errors, inspect.isclass)
    if issubclass(member, GestaltError)
]


def drawn_tree() -> dict[str, str | None]:
    """The parent of each class as the module's docstring draws it."""
    parents: dict[str, str | None] = {}
    path: list[str] = []
    for line in (errors.__doc__ or "").splitlines():
        drawn = re.match(r"((?:│   |    )*(?:├── |└── )?)([A-Z]\w+)(\s{2,}.*)?$", line)
        if drawn:
            depth = len(drawn[1]) // 4
            path[depth:] = [drawn[2]]
            parents[drawn[2]] = path[depth - 1] if depth else None
    return parents


def test_the_tree_in_the_docstring_is_the_real_one():
    real = {cls.__name__: cls.__mro__[1].__name__ for cls in CLASSES if cls is not GestaltError}
    assert drawn_tree() == {"GestaltError": None, **real}


def test_every_error_has_a_code_of_its_own():
    codes = [vars(cls).get("code") for cls in CLASSES]
    assert None not in codes
    assert len(set(codes)) == len(codes)
    assert all(re.fullmatch(r"[a-z_]+", str(code)) for code in codes)


def test_the_code_is_the_name_of_the_class():
    for cls in set(CLASSES) - {GestaltError}:
        name = re.sub(r"(?<!^)(?=[A-Z])", "_", cls.__name__).lower()
        assert cls.code in (name, name.removesuffix("_error")), cls


def test_every_error_ends_a_command_and_a_request_with_a_code_of_its_kind():
    for cls in CLASSES:
        assert cls.exit_code == {"Interrupted": 130, "Fault": 70}.get(cls.__name__, cls.exit_code)
        assert cls.exit_code in (1, 2, 70, 130)
        assert 400 <= cls.http_status <= 599


def test_every_error_says_what_it_stands_for():
    assert all((vars(cls).get("__doc__") or "").strip().endswith(".") for cls in CLASSES)


@pytest.mark.parametrize("cls", CLASSES, ids=lambda cls: cls.__name__)
def test_an_error_carries_its_message_and_hint(cls: type[GestaltError]):
    error = cls("What was wrong.", "Do this.")
    assert str(error) == error.message == "What was wrong."
    told = {"code": cls.code, "message": "What was wrong.", "hint": "Do this."}
    more = {ImportConflict: {"conflicts": []}, ConsentReturns: {"patients": [], "events": []}}.get(
        cls, {}
    )
    assert error.as_dict() == told | more
    assert cls("Wrong.").hint == ""


def test_no_error_is_defined_elsewhere():
    import importlib
    import pkgutil

    import gestalt_space

    for module in pkgutil.walk_packages(gestalt_space.__path__, "gestalt_space."):
        if ".migrations" not in module.name:
            importlib.import_module(module.name)

    def below(cls: type[GestaltError]) -> set[type[GestaltError]]:
        return {cls}.union(*(below(child) for child in cls.__subclasses__()))

    assert below(GestaltError) == set(CLASSES)
