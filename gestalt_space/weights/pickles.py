"""Torch checkpoints (`.pth`, `.pt`), read without torch and without running what is in them.

A checkpoint is a pickle, and a pickle is a program. Here it may make tensors and plain containers.
Classes become empty stand-ins that carry their state; whatever else the program calls is refused.
"""

from __future__ import annotations

import io
import math
import pickle
import pickletools
import zipfile
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gestalt_space.errors import ModelDamaged, ModelError, ModelUnsuitable

MAX_BYTES = 4 << 30
"""Of all tensors of a checkpoint."""
MAX_PROGRAM_BYTES = 8 << 20
MAX_CLASSES = 1000
MAX_DEPTH = 500
"""Of containers in containers: hashing a deep tuple overruns the C stack."""
MAX_NAMES = 100_000
MAX_NAME_LENGTH = 1000
LEGACY_MAGIC = bytes.fromhex("6cfc9c46f9206aa85019")
"""Stands near the beginning of what torch wrote before 1.6."""
WRAPPERS = ("state_dict", "model")
DATA_PARALLEL = "module."
TORCH_FUNCTIONS = "torch._C._VariableFunctionsClass"
ELEMENTS = {
    "DoubleStorage": "<f8",
    "FloatStorage": "<f4",
    "HalfStorage": "<f2",
    "BFloat16Storage": "<u2",
    "LongStorage": "<i8",
    "IntStorage": "<i4",
    "ShortStorage": "<i2",
    "CharStorage": "i1",
    "ByteStorage": "u1",
    "BoolStorage": "u1",
}
"""How the elements of a storage lie in the file."""
CLOSED = frozenset(
    {"__builtin__", "builtins", "code", "commands", "ctypes", "importlib", "io", "marshal"}
    | {"multiprocessing", "nt", "os", "pickle", "posix", "pty", "runpy", "shutil", "socket"}
    | {"subprocess", "sys", "threading", "webbrowser"}
)
"""Packages that no checkpoint has to name."""
STATE_ONLY = (
    "No code in it was run. If you trust its source, open it with torch and save only the state "
    "dictionary: torch.save(model.state_dict(), path)."
)
SAVE_ANEW = (
    "If you trust the file, open it and save it again with torch 1.6 or later: "
    "torch.save(torch.load(path), path)."
)

Array = NDArray[Any]
Operation = tuple[pickletools.OpcodeInfo, Any, int | None]


def read_checkpoint(path: Path) -> dict[str, Array]:
    """The tensors of a state dictionary or of a whole pickled module, by dotted name.

    State dictionaries may lie under `state_dict` or `model`; the `module.` that DataParallel puts
    before every name is taken off. Arrays keep their type, bfloat16 is widened to float32; tensors
    that share memory in the checkpoint may share it here.

    Raises `ModelDamaged` for a file that is not whole, `ModelUnsuitable` for one that is no
    checkpoint, is of before torch 1.6, or calls what is not called here.
    """
    try:
        _check_format(path)
        with zipfile.ZipFile(path) as archive:
            return _named(_Checkpoint(archive, path.stat().st_size).content())
    except ModelError:
        raise
    except _Refused as refused:
        raise ModelUnsuitable(f"{path.name} {refused}.", refused.hint) from refused
    except Exception as error:  # archives and pickles that are damaged raise anything
        reason = _printable(str(error)).rstrip(".") or type(error).__name__
        raise ModelDamaged(
            f"{path.name} is not a complete torch checkpoint ({reason}).",
            "Copy or download it again.",
        ) from error


class _Refused(Exception):
    """Why a checkpoint is not read, said after its file name."""

    def __init__(self, reason: str, hint: str = STATE_ONLY) -> None:
        super().__init__(_printable(reason))
        self.hint = hint


def _printable(text: str) -> str:
    """A text that may hold names of the pickle, short and without control characters."""
    return "".join(one if one.isprintable() else "?" for one in text[:200])


def _check_format(path: Path) -> None:
    with path.open("rb") as stream:
        head = stream.read(64)
    if not head:
        raise ValueError("it is empty")
    if LEGACY_MAGIC in head:
        raise _Refused("was written by a torch before 1.6", SAVE_ANEW)
    if not head.startswith(b"PK"):
        raise _Refused(
            "is not a checkpoint of torch",
            "Give a file written by torch.save, such as a .pth or .pt file.",
        )


class _Sealed:
    """What a pickle may hold and pass on, but not change."""

    __slots__ = ()

    def __setstate__(self, state: object) -> None:
        raise ValueError("it changes what cannot be changed")


class _Called(_Sealed):
    """A function that a pickle may call: ours, in the place of the one it names."""

    __slots__ = ("_function",)

    def __init__(self, function: Callable[..., object]) -> None:
        self._function = function

    def __call__(self, *arguments: object) -> object:
        return self._function(*arguments)


class _Elements(_Sealed):
    """A type of storage."""

    __slots__ = ("name",)

    def __init__(self, name: str) -> None:
        self.name = name


class _Storage(_Sealed):
    """The numbers of one or more tensors, `(n,)`, of a type that NumPy has."""

    __slots__ = ("numbers",)

    def __init__(self, numbers: Array) -> None:
        self.numbers = numbers


class _Tensor(_Sealed):
    """A view of a storage."""

    __slots__ = ("view",)

    def __init__(self, view: Array) -> None:
        self.view = view


class _Dict(dict[Any, Any]):
    """An OrderedDict, without the attributes that torch hangs on it."""

    __slots__ = ()

    def __setstate__(self, state: object) -> None:
        """Takes nothing over."""


class _Named(type):
    """A class of which only the name is known. It is not called."""

    def __call__(cls, *_: object, **__: object) -> object:
        raise _Refused(f"calls {cls.__name__}, which is not called here")


class _Object(metaclass=_Named):
    """An instance of such a class, and its state."""

    __slots__ = ("state",)
    state: dict[Any, Any]

    def __new__(cls, *_: object, **__: object) -> _Object:
        made = super().__new__(cls)
        made.state = {}
        return made

    def __setstate__(self, state: object) -> None:
        self.state = state if isinstance(state, dict) else {}

    def part(self, name: str) -> dict[Any, Any]:
        """`_modules`, `_parameters` or `_buffers`; empty where there are none."""
        part = self.state.get(name)
        return part if isinstance(part, dict) else {}


def _tensor(
    storage: object,
    offset: object,
    size: object,
    stride: object,
    _requires_grad: object = None,
    _hooks: object = None,
    metadata: object = None,
) -> _Tensor:
    """torch._utils._rebuild_tensor_v2, if the view lies within its storage."""
    if not isinstance(storage, _Storage):
        raise ValueError("a tensor has no storage")
    if metadata:
        raise _Refused("holds a tensor that is stored conjugated or negated")
    shape, steps = _counts(size), _counts(stride)
    first = _counts((offset,))[0]
    if len(shape) != len(steps):
        raise ValueError("a tensor has more sizes than strides, or fewer")
    numbers = storage.numbers
    if math.prod(max(one, 1) for one in shape) * numbers.itemsize > MAX_BYTES:
        raise _Refused(f"holds a tensor of more than {MAX_BYTES >> 20} MiB")
    if 0 in shape:
        return _Tensor(np.empty(shape, numbers.dtype))
    last = first + sum((one - 1) * step for one, step in zip(shape, steps, strict=True))
    if last >= len(numbers):
        raise ValueError("a tensor reaches beyond its storage")
    return _Tensor(
        np.lib.stride_tricks.as_strided(
            numbers[first:], shape, [step * numbers.itemsize for step in steps]
        )
    )


def _counts(numbers: object) -> tuple[int, ...]:
    if not isinstance(numbers, tuple | list) or not all(
        isinstance(one, int) and one >= 0 for one in numbers
    ):
        raise ValueError("a tensor's sizes or strides are no counts")
    return tuple(numbers)


def _parameter(data: object, *_: object) -> object:
    """torch._utils._rebuild_parameter, and the same with a state."""
    return data


def _device(*_: object) -> None:
    """torch.device, on which nothing is put here."""


def _graph_module(body: object, *_: object) -> _Object:
    """torch.fx.graph_module.reduce_graph_module, without the code that comes with it."""
    module = _Object.__new__(_Object)
    module.__setstate__(body)
    return module


def _torch_function(owner: object, name: object) -> type:
    """getattr, by which onnx2torch's additions hold torch.add: a stand-in, of that owner only."""
    if not isinstance(owner, _Named) or owner.__name__ != TORCH_FUNCTIONS:
        raise _Refused("calls builtins.getattr, which is not called here")
    return _stand_in(f"{TORCH_FUNCTIONS}.{name}")


def _stand_in(name: str) -> type:
    return _Named(name, (_Object,), {"__slots__": ()})


CALLED: dict[str, object] = {
    "__builtin__.getattr": _Called(_torch_function),
    "__builtin__.set": _Called(set),
    "builtins.getattr": _Called(_torch_function),
    "builtins.set": _Called(set),
    "collections.OrderedDict": _Called(_Dict),
    "torch.Size": _Called(tuple),
    "torch._utils._rebuild_parameter": _Called(_parameter),
    "torch._utils._rebuild_parameter_with_state": _Called(_parameter),
    "torch._utils._rebuild_tensor_v2": _Called(_tensor),
    "torch.device": _Called(_device),
    "torch.fx.graph_module.reduce_graph_module": _Called(_graph_module),
}
"""All that a pickle may call, and what is called in its place."""
STORAGES: dict[str, object] = {f"torch.{name}": _Elements(name) for name in ELEMENTS}


class _Checkpoint(pickle.Unpickler):
    """The pickle of an archive and the storages beside it."""

    def __init__(self, archive: zipfile.ZipFile, file_bytes: int) -> None:
        self._archive = archive
        self._file_bytes = file_bytes
        self._left = MAX_BYTES
        self._storages: dict[str, _Storage] = {}
        self._classes: dict[str, type] = {}
        self._folder = self._only_folder()
        self._check_byte_order()
        program = self._bytes("data.pkl", MAX_PROGRAM_BYTES)
        check_program(pickletools.genops(program), len(program))
        super().__init__(io.BytesIO(program))

    def content(self) -> object:
        """What was saved."""
        return self.load()

    def find_class(self, module: str, name: str) -> object:
        """Never an import: a function or storage of ours, or a stand-in."""
        full = f"{module}.{name}"
        if full in CALLED:
            return CALLED[full]
        if full in STORAGES:
            return STORAGES[full]
        if module.split(".")[0] in CLOSED:
            raise _Refused(f"names {full}, which no checkpoint needs")
        if full not in self._classes:
            if len(self._classes) == MAX_CLASSES:
                raise _Refused(f"names more than {MAX_CLASSES} classes")
            self._classes[full] = _stand_in(full)
        return self._classes[full]

    def persistent_load(self, pid: Any) -> _Storage:
        """The storage that `("storage", type, key, device, elements)` names."""
        kind, elements, key, _, count = pid
        if kind != "storage" or not isinstance(elements, _Elements) or not isinstance(key, str):
            raise _Refused("refers to something that is not a storage of a known type")
        if key not in self._storages:
            self._storages[key] = _Storage(self._numbers(key, elements.name))
        if len(self._storages[key].numbers) != count:
            raise ValueError(f"the storage {key} is not as long as the pickle says")
        return self._storages[key]

    def _numbers(self, key: str, elements: str) -> Array:
        content = self._bytes(f"data/{key}", self._left)
        numbers = np.frombuffer(content, ELEMENTS[elements])
        widened = 2 if elements == "BFloat16Storage" else 1
        self._left -= numbers.nbytes * widened
        if elements == "BFloat16Storage":
            return (numbers.astype(np.uint32) << 16).view(np.float32)
        if elements == "BoolStorage":
            return np.asarray(numbers != 0)
        return numbers.copy()

    def _only_folder(self) -> str:
        names = set(self._archive.namelist())
        folders = [name.removesuffix("data.pkl") for name in names if name.endswith("/data.pkl")]
        if len(folders) != 1:
            raise _Refused(
                "is a zip archive, but no checkpoint of torch",
                "Give a file written by torch.save, such as a .pth or .pt file.",
            )
        folder = folders[0]
        if f"{folder}constants.pkl" in names:
            raise _Refused("is a TorchScript archive, and its program is not run")
        return folder

    def _check_byte_order(self) -> None:
        """Files of before torch 2.1 do not say, and are little-endian all but surely."""
        if f"{self._folder}byteorder" in self._archive.namelist():
            order = self._bytes("byteorder", MAX_PROGRAM_BYTES)
            if order != b"little":
                raise _Refused("was written on a big-endian machine", SAVE_ANEW)

    def _bytes(self, name: str, limit: int) -> bytes:
        """An entry, which torch never compresses: so none is larger than the file."""
        entry = self._archive.getinfo(f"{self._folder}{name}")
        if entry.compress_type != zipfile.ZIP_STORED:
            raise _Refused(f"holds {name} compressed, as torch writes nothing", SAVE_ANEW)
        if entry.file_size > self._file_bytes:
            raise ValueError(f"{name} is cut off")
        if entry.file_size > limit:
            raise _Refused(f"holds more than is read, {entry.file_size >> 20} MiB in {name}")
        return self._archive.read(entry)


def check_program(operations: Iterable[Operation], length: int) -> None:
    """Refuse what would bring the unpickler itself down, before it runs.

    Those are places of its memo so far away that their list fills the memory, and containers in
    containers without end. `operations`: of a program of `length` bytes, as `pickletools.genops`
    gives them. Raises an exception of any kind for a program that is not whole or is refused.
    """
    depths: list[int] = []
    mark = 0
    memo: dict[int, int] = {}
    for opcode, argument, _ in operations:
        place: int = len(memo) if argument is None else argument
        if "PUT" in opcode.name or opcode.name == "MEMOIZE":
            if place > length:
                raise ValueError("its memo has places that nothing fills")
            memo[place] = depths[-1]
            continue
        if "GET" in opcode.name:
            depths.append(memo[place])
            continue
        before = list(opcode.stack_before)
        taken = []
        if pickletools.markobject in before:
            while (depth := depths.pop()) != mark:
                taken.append(depth)
            before = before[: before.index(pickletools.markobject)]
        taken += [depths.pop() for _ in before]
        depth = 1 + max(taken, default=0)
        if depth > MAX_DEPTH:
            raise _Refused(f"holds containers in containers, more than {MAX_DEPTH} deep")
        depths += [
            mark if after is pickletools.markobject else depth for after in opcode.stack_after
        ]


def _named(content: object) -> dict[str, Array]:
    """The tensors of what was saved."""
    for wrapper in WRAPPERS:
        if isinstance(content, dict) and isinstance(content.get(wrapper), dict | _Object):
            content = content[wrapper]
    if isinstance(content, _Object):
        tensors = dict(_of_module(content))
    elif isinstance(content, dict):
        tensors = {
            name: tensor
            for name, tensor in content.items()
            if isinstance(name, str) and isinstance(tensor, _Tensor)
        }
    else:
        tensors = {}
    if not tensors:
        raise _Refused(
            "holds no tensors by name",
            "The file must have a state dictionary, alone or under `state_dict` or `model`, or a "
            "module.",
        )
    if all(name.startswith(DATA_PARALLEL) for name in tensors):
        tensors = {name.removeprefix(DATA_PARALLEL): one for name, one in tensors.items()}
    return _contiguous(tensors)


def _of_module(root: _Object) -> Iterator[tuple[str, _Tensor]]:
    """As `state_dict()` names them: a module's own tensors, then those of its modules in order."""
    waiting = [("", root)]
    seen = 0
    while waiting:
        prefix, module = waiting.pop()
        hidden = module.state.get("_non_persistent_buffers_set")
        passing = hidden if isinstance(hidden, set) else ()
        own = list(module.part("_parameters").items())
        own += [(name, one) for name, one in module.part("_buffers").items() if name not in passing]
        inner = list(module.part("_modules").items())
        seen += len(own) + len(inner)
        names = [name for name, _ in own + inner]
        if not all(isinstance(name, str) for name in names):
            raise ValueError("a module has parts whose names are no text")
        if seen > MAX_NAMES or len(prefix) + max(map(len, names), default=0) > MAX_NAME_LENGTH:
            raise _Refused("holds modules in modules without end")
        for name, one in own:
            if isinstance(one, _Tensor):
                yield prefix + name, one
        waiting += [
            (f"{prefix}{name}.", one) for name, one in reversed(inner) if isinstance(one, _Object)
        ]


def _contiguous(tensors: dict[str, _Tensor]) -> dict[str, Array]:
    views = {name: tensor.view for name, tensor in tensors.items()}
    copied = sum(view.nbytes for view in views.values() if not view.flags.c_contiguous)
    if copied > MAX_BYTES:
        raise _Refused(f"holds tensors of more than {MAX_BYTES >> 20} MiB")
    return {name: view if view.flags.c_contiguous else view.copy() for name, view in views.items()}
