"""Two machines agree on a face: with the descriptors of another one, which are kept in a file, and
with a processor that is told to use the oldest instructions alone."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from gestalt_space.encoders.families.iresnet import import_insightface
from gestalt_space.encoders.registry import open_encoder
from gestalt_space.types import Crops, Slots
from gestalt_space.weights.store import ModelStore
from tests.encoders.checkpoints import insightface_training

KEPT = Path(__file__).parent / "builtin-slots.npy"
"""`(6, 1, 128)` float32 of `blocks()` by the built-in encoder, made by ONNX Runtime 1.32 on a Xeon
with AVX-512 and AMX."""
OLDEST = {"ATEN_CPU_CAPABILITY": "default", "ONEDNN_MAX_CPU_ISA": "SSE41"}
ENCODE = """
import sys
from pathlib import Path
import numpy as np
import torch
from gestalt_space.encoders.registry import open_encoder
from gestalt_space.weights.store import ModelStore
print(torch.backends.cpu.get_cpu_capability())
encoder = open_encoder(ModelStore(Path(sys.argv[1])).get("network"), device="cpu")
np.save(sys.argv[3], encoder.encode(np.load(sys.argv[2])))
"""


def blocks() -> Crops:
    """Pictures of 7 × 7 blocks, `(6, 112, 112, 3)`: whole numbers, alike on every machine."""
    colours = np.random.default_rng(4).integers(0, 256, (6, 7, 7, 3), dtype=np.uint8)
    return colours.repeat(16, axis=1).repeat(16, axis=2)


def least_cosine(one: Slots, other: Slots) -> float:
    return float(np.einsum("nsd,nsd->ns", one.astype(np.float64), other.astype(np.float64)).min())


def test_the_built_in_encoder_gives_what_it_gave_on_another_machine(tmp_path: Path):
    slots = open_encoder(ModelStore(tmp_path).get("builtin"), device="cpu").encode(blocks())
    assert least_cosine(slots, np.load(KEPT)) > 1 - 1e-5


@pytest.fixture
def store(tmp_path: Path) -> ModelStore:
    """With an IResNet-18 of random weights as `network`."""
    torch.save(insightface_training("iresnet18", seed=1).state_dict(), tmp_path / "network.pth")
    store = ModelStore(tmp_path / "models")
    import_insightface(store, tmp_path / "network.pth", name="network", accept_license=True)
    return store


def test_torch_gives_the_same_with_the_oldest_instructions(store: ModelStore, tmp_path: Path):
    given, found = tmp_path / "crops.npy", tmp_path / "slots.npy"
    np.save(given, blocks())
    ran = subprocess.run(
        [sys.executable, "-c", ENCODE, store.folder, given, found],
        env=os.environ | OLDEST,
        check=True,
        capture_output=True,
        text=True,
    )
    assert ran.stdout.strip() == "DEFAULT"
    slots = open_encoder(store.get("network"), device="cpu").encode(blocks())
    assert least_cosine(slots, np.load(found)) > 1 - 1e-5
