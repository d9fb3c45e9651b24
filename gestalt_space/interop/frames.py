"""Pickled pandas tables, read without pandas and without running what is in them.

The pickle may make arrays, texts, numbers and plain containers, which become columns here; whatever
else it calls is refused. Read are the layouts of pandas 1.1 to 3.1.
"""

from __future__ import annotations

import io
import pickle
import pickletools
import re
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from gestalt_space.errors import TableDamaged
from gestalt_space.weights.pickles import Operation, check_program

SAVE_AS_CSV = (
    "No code in it was run. If you trust the file, open it with pandas and save it as text: "
    'pandas.read_pickle(path).to_csv("encodings.csv", sep=";", index=False).'
)
_FLOATS = re.compile(rb"(?:[G\x95].{8})+(?=[et])", re.DOTALL)
"""The floats of a list or tuple to its end, and the frames that the pickle is cut into."""
_NUMBERS = frozenset("?bBhHiIlLqQefd")
_OBJECT = "O"
_STRING_OFFSETS = {"string": np.int32, "large_string": np.int64}


def read_frame(path: Path) -> dict[str, list[Any]]:
    """The columns of a pickled `DataFrame`, by name.

    Raises `TableDamaged` for a file that is not whole, holds something else than a table of
    numbers, texts and lists, or calls what is not called here.
    """
    try:
        program = path.read_bytes()
        check_program(_operations(program), len(program))
        return _columns(_Frames(program).load())
    except _Refused as refused:
        raise TableDamaged(f"{path.name} {refused}.", SAVE_AS_CSV) from refused
    except OSError as error:
        raise TableDamaged(
            f"{path} cannot be read: {error.strerror}.", "Check the path."
        ) from error
    except Exception as error:  # a damaged pickle raises anything
        reason = "".join(one if one.isprintable() else "?" for one in str(error)[:200])
        raise TableDamaged(
            f"{path.name} is not a complete pickled table ({reason or type(error).__name__}).",
            SAVE_AS_CSV,
        ) from error


class _Refused(Exception):
    """Why a pickle is not read, said after its file name."""


def _operations(program: bytes) -> Iterator[Operation]:
    """As `pickletools.genops` gives them, but of a list's floats only the last: millions of them
    would take it long."""
    stream = io.BytesIO(program)
    for operation in pickletools.genops(stream):
        yield operation
        if operation[0].name == "MARK" and (floats := _FLOATS.match(program, stream.tell())):
            stream.seek(floats.end() - 9)


class _Inert:
    """An object of which only the class's name and its state are kept."""

    name = ""

    def __init__(self, *arguments: object) -> None:
        self.arguments = arguments
        self.state: object = None

    def __setstate__(self, state: object) -> None:
        self.state = state


class _Array(_Inert):
    """A NumPy array: its values `(n, …)`, a list of objects or of numbers."""

    def __setstate__(self, state: object) -> None:
        if not isinstance(state, tuple) or len(state) != 5:
            raise ValueError("an array has no state")
        _, shape, dtype, fortran, data = state
        self.values = _values(data, dtype, shape, "F" if fortran else "C")


class _Dtype(_Inert):
    """A NumPy type: `code` as `np.dtype` spells it, without its byte order."""

    order = "<"

    def __setstate__(self, state: object) -> None:
        if isinstance(state, tuple) and len(state) > 1 and state[1] in ("<", ">", "|", "="):
            self.order = str(state[1])

    @property
    def code(self) -> str:
        """Like `f8` or `O8`. Refused for anything but numbers, texts and objects."""
        code = str(self.arguments[0]) if self.arguments else ""
        if not code or (code[0] not in "OUSbiuf" and code not in _NUMBERS):
            raise _Refused(f"holds an array of the type {code[:20]!r}")
        return code


def _values(data: object, dtype: object, shape: object, order: str) -> np.ndarray:
    if not isinstance(dtype, _Dtype) or not isinstance(shape, tuple):
        raise ValueError("an array has no type or shape")
    if dtype.code[0] == _OBJECT:
        if not isinstance(data, list):
            raise ValueError("an array of objects has no list")
        flat = np.empty(len(data), dtype=object)
        flat[:] = data
    else:
        if not isinstance(data, bytes | bytearray | memoryview):
            raise ValueError("an array has no bytes")
        flat = np.frombuffer(data, np.dtype(dtype.order.replace("|", "") + dtype.code))
    return flat.reshape(shape, order="F" if order == "F" else "C")


def _from_buffer(data: object, dtype: object, shape: object, order: str = "C") -> _Array:
    array = _Array()
    array.values = _values(data, dtype, shape, order)
    return array


def _reconstruct(*_: object) -> _Array:
    return _Array()


def _scalar(dtype: object, data: object = None) -> object:
    return _values(data, dtype, (), "C").item()


def _block(values: object, placement: object, _ndim: object = 2) -> tuple[object, object]:
    return values, placement


def _manager(blocks: object = (), axes: object = (), *_: object) -> _Inert:
    manager = _Inert()
    manager.state = (blocks, axes)
    return manager


def _index(_kind: object, state: object) -> object:
    return state.get("data") if isinstance(state, dict) else None


def _arrow_array(parts: object) -> list[str | None]:
    """pyarrow.lib._restore_array of texts: type, length, nulls, offset, buffers."""
    if not isinstance(parts, tuple) or parts[0] not in _STRING_OFFSETS:
        raise _Refused("holds an Arrow column that is no text")
    kind, length, nulls, start, buffers = parts[:5]
    if nulls:
        raise _Refused("holds a text column with missing cells")
    offsets = np.frombuffer(buffers[1], _STRING_OFFSETS[kind])[start : start + length + 1]
    text = bytes(buffers[2] or b"")
    return [text[a:b].decode() for a, b in pairwise(offsets.tolist())]


def _encode(text: object, encoding: object) -> bytes:
    """_codecs.encode, by which old protocols hold bytes."""
    if not isinstance(text, str) or encoding != "latin1":
        raise _Refused("calls _codecs.encode for something else than bytes")
    return text.encode("latin1")


def _bytes(data: object = b"") -> bytes:
    """bytearray, of bytes that are there."""
    if not isinstance(data, bytes):
        raise _Refused("calls builtins.bytearray for something else than bytes")
    return data


def _same(value: object, *_: object) -> object:
    return value


def _named(name: str) -> type[_Inert]:
    return type(name.rpartition(".")[2], (_Inert,), {"name": name})


_CALLED: dict[str, Callable[..., object]] = {
    "__builtin__.bytearray": _bytes,
    "__builtin__.slice": slice,
    "_codecs.encode": _encode,
    "builtins.bytearray": _bytes,
    "builtins.slice": slice,
    "numpy.dtype": _Dtype,
    "pandas._libs.internals._unpickle_block": _block,
    "pandas.core.internals.managers.BlockManager": _manager,
    "pandas.core.indexes.base._new_Index": _index,
    "pyarrow.lib._restore_array": _arrow_array,
    "pyarrow.lib.py_buffer": _same,
    "pyarrow.lib.type_for_alias": _same,
}
_NUMPY: dict[str, Callable[..., object]] = {
    "multiarray._reconstruct": _reconstruct,
    "multiarray.scalar": _scalar,
    "numeric._frombuffer": _from_buffer,
}
_CALLED |= {f"numpy.{core}.{name}": _NUMPY[name] for core in ("core", "_core") for name in _NUMPY}
"""All that a pickle may call, and what is called in its place."""
_NAMED = frozenset(
    {"numpy.ndarray", "pandas.DataFrame", "pandas.Index", "pandas.RangeIndex"}
    | {"pandas.StringDtype", "pandas.core.arrays.string_.StringDtype"}
    | {"pandas.core.frame.DataFrame", "pandas.core.indexes.base.Index"}
    | {"pandas.core.indexes.range.RangeIndex", "pandas.core.indexes.numeric.Int64Index"}
    | {"pandas.arrays.ArrowStringArray", "pandas.core.arrays.string_arrow.ArrowStringArray"}
)
"""Classes of which a pickle may hold instances."""


class _Frames(pickle.Unpickler):
    """Unpickles tables; nothing is imported."""

    def __init__(self, program: bytes) -> None:
        super().__init__(io.BytesIO(program))
        self._classes = {name: _named(name) for name in _NAMED}

    def find_class(self, module: str, name: str) -> object:
        """One of ours, or a refusal."""
        full = f"{module}.{name}"
        if full in _CALLED:
            return _CALLED[full]
        if full in self._classes:
            return self._classes[full]
        raise _Refused(f"names {full[:100]}, which no table of encodings needs")


def _columns(content: object) -> dict[str, list[Any]]:
    state = content.state if isinstance(content, _Inert) else None
    manager = state.get("_mgr", state.get("_data")) if isinstance(state, dict) else None
    if not isinstance(manager, _Inert) or not isinstance(manager.state, tuple):
        raise _Refused("holds no table")
    blocks, axes = manager.state
    names = [str(name) for name in _list(axes[0])]
    columns: dict[str, list[Any]] = {}
    for values, placement in blocks:
        places = range(len(names))[placement] if isinstance(placement, slice) else _list(placement)
        rows = _rows(values, len(places))
        columns |= {names[int(place)]: row for place, row in zip(places, rows, strict=True)}
    if sorted(columns) != sorted(names):
        raise ValueError("columns are missing")
    if len({len(column) for column in columns.values()}) > 1:
        raise ValueError("columns differ in length")
    return {name: columns[name] for name in names}


def _rows(values: object, count: int) -> Sequence[list[Any]]:
    """The columns that a block holds, one a row."""
    if isinstance(values, _Inert) and isinstance(values.state, dict):
        return [_list(values.state["_pa_array"])]
    if not isinstance(values, _Array):
        raise _Refused("holds a column of an unknown kind")
    array = values.values.reshape(count, -1)
    return [_plain(row) for row in array]


def _plain(row: np.ndarray) -> list[Any]:
    cells = row.tolist()
    return [cell.values if isinstance(cell, _Array) else cell for cell in cells]


def _list(values: object) -> list[Any]:
    if isinstance(values, _Array):
        return list(values.values.tolist())
    if isinstance(values, _Inert) and isinstance(values.state, dict):
        return _list(values.state.get("_pa_array"))
    if isinstance(values, list):
        return values
    raise ValueError("a column or index has no values")
