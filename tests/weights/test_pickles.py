"""Checkpoints are read without running them: what is in them arrives, what they call does not."""

from __future__ import annotations

import collections
import io
import os
import pickle
import random
import struct
import subprocess
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import fx, nn

from gestalt_space.errors import GestaltError, ModelDamaged, ModelUnsuitable
from gestalt_space.weights import pickles
from gestalt_space.weights.pickles import read_checkpoint

TYPES = [torch.float16, torch.float32, torch.float64, torch.bfloat16, torch.bool, torch.uint8]
TYPES += [torch.int8, torch.int16, torch.int32, torch.int64]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "model.pth"


def saved(content: object, path: Path, **options: Any) -> Path:
    torch.save(content, path, **options)
    return path


def archive(path: Path, program: bytes, storages: dict[str, bytes] | None = None) -> Path:
    """A checkpoint whose pickle is this program."""
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("model/data.pkl", program)
        for key, content in (storages or {}).items():
            file.writestr(f"model/data/{key}", content)
    return path


def tensor_program(
    size: tuple[int, ...] = (4,),
    stride: tuple[int, ...] = (1,),
    offset: int = 0,
    elements: int = 4,
    storage: str = "FloatStorage",
) -> bytes:
    """The pickle of `{"a": tensor}`, with whatever sizes, over the storage 0."""

    class Tensor:
        def __reduce__(self) -> tuple[Any, ...]:
            return torch._utils._rebuild_tensor_v2, (Storage(), offset, size, stride, False, None)

    class Storage:
        pass

    class Pickler(pickle._Pickler):
        def persistent_id(self, thing: object) -> object:
            kind = getattr(torch, storage)
            return ("storage", kind, "0", "cpu", elements) if isinstance(thing, Storage) else None

    return pickled({"a": Tensor()}, Pickler)


def pickled(content: object, pickler: Any = pickle.Pickler, protocol: int = 2) -> bytes:
    stream = io.BytesIO()
    pickler(stream, protocol).dump(content)
    return stream.getvalue()


@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_a_tensor_of_every_type_arrives(dtype: torch.dtype, protocol: int, path: Path):
    tensor = (torch.arange(-6, 6).reshape(3, 4) / 4).to(dtype)
    read = read_checkpoint(saved({"a": tensor}, path, pickle_protocol=protocol))
    expected = (tensor.float() if dtype is torch.bfloat16 else tensor).numpy()
    assert read["a"].dtype == expected.dtype
    assert np.array_equal(read["a"], expected)
    assert read["a"].flags.c_contiguous
    assert read["a"].flags.writeable


def test_views_scalars_and_empty_tensors_arrive_as_they_are(path: Path):
    base = torch.arange(60.0)
    content = {
        "turned": base.reshape(5, 12).T,
        "every other": base[7::2],
        "wide": base[:1].expand(3, 4),
        "one": torch.tensor(3),
        "none": torch.empty(0, 5),
    }
    read = read_checkpoint(saved(content, path))
    for name, tensor in content.items():
        assert read[name].shape == tuple(tensor.shape)
        assert np.array_equal(read[name], tensor.numpy())
        assert read[name].flags.c_contiguous


@pytest.mark.parametrize(
    "wrap",
    [
        lambda state: state,
        lambda state: {"epoch": 3, "state_dict": state, "best": 0.5, "names": ["a"]},
        lambda state: {"model": state, "optimizer": {"state": {}}},
        lambda state: {f"module.{name}": tensor for name, tensor in state.items()},
        lambda state: {"state_dict": {f"module.{name}": one for name, one in state.items()}},
    ],
)
def test_a_state_dictionary_is_found_where_it_usually_lies(wrap: Callable[[Any], Any], path: Path):
    state = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2)).state_dict()
    read = read_checkpoint(saved(wrap(state), path))
    assert list(read) == list(state)
    assert all(np.array_equal(read[name], state[name].numpy()) for name in state)


class Net(nn.Module):
    """With a shared module, a buffer that is not kept, a parameter that is None, and a list."""

    def __init__(self) -> None:
        super().__init__()
        self.shared = nn.Linear(3, 3, bias=False)
        self.steps = nn.ModuleList([nn.BatchNorm1d(3), self.shared, nn.PReLU()])
        self.register_buffer("kept", torch.ones(2))
        self.register_buffer("passing", torch.zeros(2), persistent=False)
        self.register_parameter("nothing", None)
        self.levels = torch.Size([1, 2])
        self.device = torch.device("cpu")
        self.also = collections.OrderedDict(a=1)

    def forward(self, at: torch.Tensor) -> torch.Tensor:
        return self.steps[0](self.shared(at))


@pytest.mark.parametrize(
    "make",
    [Net, lambda: nn.DataParallel(Net()), lambda: {"model": Net()}],
    ids=["module", "parallel", "dictionary"],
)
def test_a_whole_module_gives_its_state_dictionary(make: Callable[[], Any], path: Path):
    content = make()
    state = Net().state_dict()
    if isinstance(content, dict):
        content["model"].load_state_dict(state)
    else:
        getattr(content, "module", content).load_state_dict(state)
    read = read_checkpoint(saved(content, path))
    assert list(read) == list(state)
    assert all(np.array_equal(read[name], state[name].numpy()) for name in state)


def test_a_traced_graph_gives_its_state_dictionary_and_its_code_is_not_run(
    path: Path, marker: Path
):
    graph = fx.symbolic_trace(nn.Sequential(nn.Linear(2, 3), nn.ReLU()))
    graph._code = graph.code + f"\nopen({str(marker)!r}, 'w')\n"
    read = read_checkpoint(saved(graph, path))
    assert {name: array.shape for name, array in read.items()} == {
        "0.weight": (3, 2),
        "0.bias": (3,),
    }


@pytest.fixture
def marker(tmp_path: Path) -> Any:
    """A file that a payload makes if it runs."""
    made = tmp_path / "it-ran"
    yield made
    assert not made.exists()


class Payload:
    """Calls a function when it is unpickled."""

    def __init__(self, function: Any, *arguments: Any) -> None:
        self.call = (function, arguments)

    def __reduce__(self) -> Any:
        return self.call


def touched(path: Path | str) -> None:
    Path(path).touch()


class Touching:
    """Touches a file when its state is set."""

    def __init__(self, path: str) -> None:
        self.path = path

    def __setstate__(self, state: Any) -> None:
        touched(state["path"])


class Making:
    """Touches a file when it is made."""

    def __new__(cls, path: str = "") -> Making:
        if path:
            touched(path)
        return super().__new__(cls)

    def __init__(self, path: str = "") -> None:
        self.path = path

    def __getnewargs__(self) -> tuple[str]:
        return (self.path,)


def touching(kind: Any, path: Path) -> Any:
    thing = object.__new__(kind)
    thing.path = str(path)
    return thing


@pytest.mark.parametrize("kind", [Touching, Making])
def test_pickle_itself_would_run_the_classes_below(kind: Any, tmp_path: Path):
    pickle.loads(pickled(touching(kind, tmp_path / "it-ran")))
    assert (tmp_path / "it-ran").exists()


@pytest.mark.parametrize("protocol", [0, 2, 4])
@pytest.mark.parametrize(
    ("payload", "named"),
    [
        (lambda path: Payload(os.system, f"touch {path}"), r"(posix|nt)\.system"),
        (lambda path: Payload(exec, f"open({path!r}, 'w')"), r"builtin(__|s)\.exec"),
        (lambda path: Payload(eval, f"open({path!r}, 'w')"), r"builtin(__|s)\.eval"),
        (lambda path: Payload(open, path, "w"), r"io\.open"),
        (lambda path: Payload(subprocess.Popen, ["touch", path]), r"(subprocess|commands)\.Popen"),
        (lambda path: Payload(touched, path), r"test_pickles\.touched"),
        (lambda path: Payload(Making, path), r"test_pickles\.Making"),
        (lambda path: Payload(torch.load, path), r"torch\.serialization\.load"),
        (lambda path: Payload(torch.hub.load, path), r"torch\.hub\.load"),
    ],
)
def test_a_payload_is_refused_by_name_and_does_not_run(
    payload: Callable[[str], Any], named: str, protocol: int, path: Path, marker: Path
):
    archive(path, pickled({"b": payload(str(marker))}, protocol=protocol))
    with pytest.raises(ModelUnsuitable, match=named) as caught:
        read_checkpoint(path)
    assert "torch.save(model.state_dict(), path)" in caught.value.hint


@pytest.mark.parametrize("protocol", [2, 4])
@pytest.mark.parametrize("kind", [Touching, Making])
def test_a_class_is_not_imported_and_its_state_not_set(
    kind: Any, protocol: int, path: Path, marker: Path
):
    content = {"a": torch.arange(3), "b": touching(kind, marker)}
    read = read_checkpoint(saved(content, path, pickle_protocol=protocol))
    assert list(read) == ["a"]
    assert np.array_equal(read["a"], [0, 1, 2])


@pytest.mark.parametrize(
    "program",
    [
        # os.system by the instructions of old protocols that call: INST, OBJ.
        b"(X\x04\x00\x00\x00trueios\nsystem\n.",
        b"(cos\nsystem\nX\x04\x00\x00\x00trueo.",
        # What getattr gives of torch's functions cannot be called.
        b"\x80\x02c__builtin__\ngetattr\nctorch._C\n_VariableFunctionsClass\nU\x04load\x86R)R.",
        b"\x80\x02c__builtin__\ngetattr\ncos\nsystem\nU\x01a\x86R.",
        # builtins.getattr of our own stand-ins, too, is none.
        b"\x80\x02c__builtin__\ngetattr\nccollections\nOrderedDict\nX\x03\x00\x00\x00pop\x86R.",
        b"\x80\x02cbuiltins\n__import__\nX\x02\x00\x00\x00os\x85R.",
        b"\x80\x04\x8c\x08builtins\x8c\x04exec\x93\x8c\x011\x85R.",
        b"\x80\x02ctorch.storage\n_load_from_bytes\nC\x01a\x85R.",
    ],
)
def test_other_ways_to_call_are_refused(program: bytes, path: Path):
    with pytest.raises(ModelUnsuitable, match=r"calls|names"):
        read_checkpoint(archive(path, program))


@pytest.mark.parametrize(
    "owner",
    [
        b"ccollections\nOrderedDict\n",
        b"ctorch._utils\n_rebuild_tensor_v2\n",
        b"ctorch\nFloatStorage\n",
        b"ctorch.nn.modules.linear\nLinear\n",
    ],
)
@pytest.mark.parametrize(
    "state", [b"}X\x01\x00\x00\x00aK\x01s", b"}}X\x08\x00\x00\x00__init__K\x01s\x86"]
)
def test_what_a_pickle_is_given_it_cannot_change(owner: bytes, state: bytes, path: Path):
    """Else one file could change how the next one is read."""
    with pytest.raises(ModelDamaged):
        read_checkpoint(archive(path, b"\x80\x02" + owner + state + b"b."))


def test_a_whole_file_is_not_whole_in_any_of_its_parts(path: Path, tmp_path: Path):
    whole = saved({"a": torch.arange(20.0)}, path).read_bytes()
    cut = tmp_path / "cut.pth"
    for end in range(0, len(whole), 7):
        cut.write_bytes(whole[:end])
        with pytest.raises((ModelDamaged, ModelUnsuitable), match=r"cut\.pth is"):
            read_checkpoint(cut)


def test_an_empty_file_says_so(path: Path):
    path.touch()
    with pytest.raises(ModelDamaged, match="it is empty") as caught:
        read_checkpoint(path)
    assert caught.value.hint == "Copy or download it again."


@pytest.mark.parametrize("place", ["nowhere.pth", "."])
def test_a_file_that_is_not_there_says_so(place: str, tmp_path: Path):
    with pytest.raises(ModelDamaged, match=r"No such file|Is a directory"):
        read_checkpoint(tmp_path / place)


def test_a_file_of_before_torch_1_6_says_how_to_save_it_anew(path: Path):
    saved({"a": torch.zeros(2)}, path, _use_new_zipfile_serialization=False)
    with pytest.raises(ModelUnsuitable, match=r"before 1\.6") as caught:
        read_checkpoint(path)
    assert "save it again with torch 1.6" in caught.value.hint


def test_a_torchscript_archive_is_refused(path: Path):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.jit.script(nn.Linear(2, 2)).save(str(path))
    with pytest.raises(ModelUnsuitable, match="TorchScript"):
        read_checkpoint(path)


@pytest.mark.parametrize("content", [b"GIF89a", b"\x80\x02}.", b"PK\x03\x04 and no more"])
def test_a_file_of_another_kind_is_no_checkpoint(content: bytes, path: Path):
    path.write_bytes(content)
    with pytest.raises((ModelDamaged, ModelUnsuitable), match="checkpoint"):
        read_checkpoint(path)


def test_a_zip_of_something_else_is_no_checkpoint(path: Path):
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("a.txt", "a")
    with pytest.raises(ModelUnsuitable, match="zip archive, but no checkpoint"):
        read_checkpoint(path)


@pytest.mark.parametrize("content", [3, [1, 2], {}, {"a": 3}, {"a": {"b": {}}}, torch.zeros(3)])
def test_a_checkpoint_without_names_and_tensors_is_refused(content: object, path: Path):
    with pytest.raises(ModelUnsuitable, match="no tensors by name"):
        read_checkpoint(saved(content, path))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"size": (5,)}, "beyond its storage"),
        ({"offset": 1}, "beyond its storage"),
        ({"size": (2, 2), "stride": (1, 3)}, "beyond its storage"),
        ({"size": (2,), "stride": (2**62,)}, "beyond its storage"),
        ({"size": (3, 3), "stride": (2**63 - 1, 2**63 - 1)}, "beyond its storage"),
        ({"size": (2,), "stride": (2**64,)}, "beyond its storage"),
        ({"size": (2,), "stride": (-1,), "offset": 1}, "no counts"),
        ({"size": (-2,)}, "no counts"),
        ({"offset": -1}, "no counts"),
        ({"size": (2.0,)}, "no counts"),
        ({"size": 4}, "no counts"),
        ({"stride": (1, 1)}, "more sizes than strides"),
        ({"size": (2**40,), "stride": (0,)}, "more than 4096 MiB"),
        ({"size": (0, 2**62), "stride": (1, 1)}, "more than 4096 MiB"),
        ({"size": (1,) * 99, "stride": (1,) * 99}, "not a complete"),
        ({"elements": 5}, "not as long as the pickle says"),
        ({"elements": 2**62}, "not as long as the pickle says"),
        ({"storage": "DoubleStorage"}, "not as long as the pickle says"),
        ({"storage": "ComplexFloatStorage"}, "not a storage of a known type"),
    ],
)
def test_a_tensor_that_does_not_fit_its_bytes_is_refused(
    options: dict[str, Any], message: str, path: Path
):
    archive(path, tensor_program(**options), {"0": bytes(16)})
    with pytest.raises((ModelDamaged, ModelUnsuitable), match=message):
        read_checkpoint(path)


def test_the_same_tensor_with_its_own_sizes_is_read(path: Path):
    """So that the refusals above are of what they change."""
    archive(path, tensor_program(), {"0": np.arange(4, dtype="<f4").tobytes()})
    assert np.array_equal(read_checkpoint(path)["a"], [0, 1, 2, 3])


@pytest.mark.parametrize("limit", [15, 31])
def test_tensors_beyond_the_limit_are_refused(
    limit: int, path: Path, monkeypatch: pytest.MonkeyPatch
):
    saved({"a": torch.zeros(4), "b": torch.zeros(4)}, path)
    monkeypatch.setattr(pickles, "MAX_BYTES", 32)
    assert len(read_checkpoint(path)) == 2
    monkeypatch.setattr(pickles, "MAX_BYTES", limit)
    with pytest.raises(ModelUnsuitable, match="more than"):
        read_checkpoint(path)


def test_copies_of_one_storage_count_too(path: Path, monkeypatch: pytest.MonkeyPatch):
    wide = torch.zeros(1).expand(50)
    saved({"a": wide, "b": wide.view(5, 10)}, path)
    monkeypatch.setattr(pickles, "MAX_BYTES", 300)
    with pytest.raises(ModelUnsuitable, match="holds tensors of more than"):
        read_checkpoint(path)


@pytest.mark.parametrize("packed", ["data.pkl", "data/0", "byteorder"])
def test_a_compressed_entry_is_refused_before_it_is_unpacked(packed: str, path: Path):
    content = {"data.pkl": tensor_program(elements=1 << 20), "data/0": bytes(4 << 20)}
    with zipfile.ZipFile(path, "w") as file:
        for name, entry in (content | {"byteorder": b"little"}).items():
            way = zipfile.ZIP_DEFLATED if name == packed else zipfile.ZIP_STORED
            file.writestr(f"model/{name}", entry, compress_type=way)
    with pytest.raises(ModelUnsuitable, match="compressed"):
        read_checkpoint(path)


def test_an_entry_that_claims_more_than_the_file_has_is_cut_off(path: Path):
    archive(path, tensor_program(), {"0": bytes(16)})
    content = path.read_bytes()
    size = struct.pack("<II", 16, 16)
    assert content.count(size) == 2
    path.write_bytes(content.replace(size, struct.pack("<II", 1 << 31, 1 << 31)))
    with pytest.raises(ModelDamaged, match="data/0 is cut off"):
        read_checkpoint(path)


def test_a_storage_whose_bytes_were_changed_is_damaged(path: Path):
    content = saved({"a": torch.full((4,), 7.0)}, path).read_bytes()
    path.write_bytes(content.replace(torch.full((4,), 7.0).numpy().tobytes(), b"X" * 16))
    with pytest.raises(ModelDamaged, match="CRC"):
        read_checkpoint(path)


def test_a_big_endian_checkpoint_is_refused(path: Path):
    archive(path, tensor_program(), {"0": bytes(16)})
    with zipfile.ZipFile(path, "a") as file:
        file.writestr("model/byteorder", "big")
    with pytest.raises(ModelUnsuitable, match="big-endian"):
        read_checkpoint(path)


def test_a_tuple_as_deep_as_the_stack_does_not_bring_the_process_down(path: Path):
    """Hashing it would."""
    program = b"\x80\x02})" + b"\x85" * 3_000_000 + b"K\x01s."
    with pytest.raises(ModelUnsuitable, match="containers in containers"):
        read_checkpoint(archive(path, program))


def test_a_place_of_the_memo_far_away_does_not_fill_the_memory(path: Path):
    with pytest.raises(ModelDamaged, match="memo"):
        read_checkpoint(archive(path, b"\x80\x02Nr\xff\xff\xff\x7f."))


def test_a_module_that_holds_itself_is_refused(path: Path):
    net = nn.Module()
    net._modules["itself"] = net
    with pytest.raises(ModelUnsuitable, match="without end"):
        read_checkpoint(saved(net, path))


def test_modules_that_double_at_each_step_are_refused(path: Path):
    net = nn.Module()
    for _ in range(60):
        outer = nn.Module()
        outer.a = outer.b = net
        net = outer
    with pytest.raises(ModelUnsuitable, match="without end"):
        read_checkpoint(saved(net, path))


def test_names_in_messages_are_short_and_printable(path: Path):
    program = b"\x80\x02cos\n\x1b[31m" + b"a" * 5000 + b"\n."
    with pytest.raises(ModelUnsuitable) as caught:
        read_checkpoint(archive(path, program))
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 300


def test_more_classes_than_any_model_has_are_refused(path: Path):
    program = b"\x80\x02" + b"".join(b"cm\nC%d\n0" % n for n in range(1001)) + b"N."
    with pytest.raises(ModelUnsuitable, match="more than 1000 classes"):
        read_checkpoint(archive(path, program))


@pytest.mark.parametrize("seed", range(3))
def test_nothing_but_our_errors_comes_of_changed_bytes(seed: int, path: Path, tmp_path: Path):
    """Of the archive, and of the program within a sound archive."""
    rng = random.Random(seed)
    saved({"state_dict": Net().state_dict(), "net": Net()}, path)
    whole = path.read_bytes()
    with zipfile.ZipFile(path) as file:
        program = file.read("model/data.pkl")
        storages = {
            name.removeprefix("model/data/"): file.read(name)
            for name in file.namelist()
            if name.startswith("model/data/")
        }
    changed = tmp_path / "changed.pth"
    refused = 0
    for round_ in range(300):
        if round_ % 2:
            changed.write_bytes(mutated(whole, rng))
        else:
            archive(changed, mutated(program, rng), storages)
        try:
            read_checkpoint(changed)
        except GestaltError:
            refused += 1
    assert refused > 100


def mutated(content: bytes, rng: random.Random) -> bytes:
    changed = bytearray(content)
    for _ in range(rng.choice([1, 1, 2, 8])):
        at = rng.randrange(len(changed))
        how = rng.random()
        if how < 0.6:
            changed[at] = rng.randrange(256)
        elif how < 0.8:
            del changed[at : at + rng.randrange(1, 5)]
        else:
            other = rng.randrange(len(changed))
            changed[at:at] = changed[other : other + rng.randrange(1, 30)]
    return bytes(changed)
