"""Images a second through face-recognition networks: ONNX Runtime in float32 beside torch.

`python -m benchmarks.encoders ../shared --compiled`; without `../shared` MobileFaceNet is left out,
without `--compiled` what `torch.compile` gains (it needs a C++ compiler). `--quick` tries the
benchmark itself on a small network and keeps nothing.
"""

from __future__ import annotations

import argparse
import logging
import tempfile
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from benchmarks.table import keep, median_of, seconds
from gestalt_space.devices import cores, runtime
from gestalt_space.encoders.iresnet import IResNet, randomised
from gestalt_space.encoders.onnx_graph import GraphNetwork, read_graph
from gestalt_space.encoders.precision import dtype_of, processor_precisions

GPU_BATCH = 256
GPU_RATE = 790e12
"""Floating-point operations a second in bfloat16 that the GPU's share is told of."""
SEED = 23
HEADER = ("network", "by", "batch", "images/s", "× ONNX Runtime", "TFLOP/s", "of the matrix rate")
HEADER += ("least cosine to ONNX Runtime", "asked")
ASKED = {"iresnet50": "2.2 ×", "iresnet100": "2.2 ×, 80 %"}
"""Of bfloat16 on a processor that has it."""
ASKED_OF_GPU = {"iresnet100": "35 % of 790 TFLOP/s"}


@dataclass(frozen=True)
class Plan:
    """How large the measurement is."""

    architectures: tuple[str, ...] = ("iresnet50", "iresnet100")
    batch: int = 16
    repeats: int = 7
    matrix: int = 4096


QUICK = Plan(("iresnet18",), batch=2, repeats=1, matrix=512)


@dataclass(frozen=True)
class Subject:
    """A network's file, its images of one batch, and what ONNX Runtime makes of them."""

    name: str
    path: Path
    images: NDArray[np.float32]
    features: NDArray[np.float32]
    rate: float
    """Images a second of ONNX Runtime."""


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("shared", type=Path, nargs="?")
    parser.add_argument("--threads", type=int, default=cores())
    parser.add_argument("--compiled", action="store_true")
    parser.add_argument("--quick", action="store_true")
    options = parser.parse_args()
    plan = QUICK if options.quick else Plan()
    torch.set_num_threads(options.threads)
    rates = {one: _matrix_rate(one, plan) for one in map(dtype_of, processor_precisions())}
    product = f"product of {plan.matrix}² matrices"
    rows: list[tuple[object, ...]] = [
        (product, f"torch {_name(one)}", "", "", "", _tera(rate), "100 %", "", "")
        for one, rate in rates.items()
    ]
    with tempfile.TemporaryDirectory() as folder:
        for name, path, levels in network_files(Path(folder), plan, options.shared):
            subject = _by_runtime(name, path, levels, plan, options.threads)
            rows += _rows(subject, plan, rates, compiled=options.compiled)
    if options.quick:
        for row in (HEADER, *rows):
            print(" | ".join(map(str, row)))
        return
    keep(
        "encoders",
        f"python -m benchmarks.encoders{' ../shared' if options.shared else ''}"
        f"{' --compiled' if options.compiled else ''} (random weights but for MobileFaceNet, "
        f"seed {SEED}, {options.threads} threads, medians of {plan.repeats}, "
        f"torch {torch.__version__})",
        HEADER,
        rows,
    )


def _matrix_rate(precision: torch.dtype, plan: Plan) -> float:
    """The most operations a second that the processor reaches on a product of two matrices."""
    left, right = torch.randn(2, plan.matrix, plan.matrix).to(precision)
    torch.mm(left, right)
    return 2 * plan.matrix**3 / min(seconds(lambda: torch.mm(left, right), max(3, plan.repeats)))


def network_files(
    folder: Path, plan: Plan, shared: Path | None
) -> Iterator[tuple[str, Path, tuple[int, int]]]:
    """Names, files, and what black and white are in their input."""
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    for architecture in plan.architectures:
        path = folder / f"{architecture}.onnx"
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # torch's exporter warns of its own insides
            torch.onnx.export(
                randomised(IResNet(architecture), SEED),
                (torch.zeros(2, 3, 112, 112),),
                str(path),
                input_names=["data"],
                dynamic_shapes=({0: torch.export.Dim("n")},),
                external_data=False,
                verbose=False,
            )
        yield architecture, path, (-1, 1)
    if shared is not None:
        path = shared / "models" / "arcface-mbf" / "mobilefacenet.onnx"
        yield "MobileFaceNet", path, (0, 255)


def _by_runtime(
    name: str, path: Path, levels: tuple[int, int], plan: Plan, threads: int
) -> Subject:
    options = runtime().SessionOptions()
    options.intra_op_num_threads = threads
    session = runtime().InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    entry = session.get_inputs()[0].name
    rng = np.random.default_rng(SEED)
    pixels = rng.integers(0, 256, (plan.batch, 3, 112, 112))
    images = np.interp(pixels, (0, 255), levels).astype(np.float32)

    def work() -> Any:
        return session.run(None, {entry: images})[0]

    return Subject(name, path, images, work(), plan.batch / median_of(work, plan.repeats))


def _rows(
    subject: Subject, plan: Plan, rates: dict[torch.dtype, float], *, compiled: bool
) -> Iterator[tuple[object, ...]]:
    operations = _operations(read_graph(subject.path))
    count = f"{subject.name} ({operations / 1e9:.1f} GFLOP an image)"

    def row(by: str, batch: int, rate: float, peak: float, cosine: float, asked: str) -> Any:
        achieved = rate * operations
        told = (f"{rate:.1f}", f"{rate / subject.rate:.2f}", _tera(achieved))
        return (count, by, batch, *told, f"{100 * achieved / peak:.0f} %", f"{cosine:.5f}", asked)

    yield row("ONNX Runtime float32", plan.batch, subject.rate, rates[torch.float32], 1.0, "")
    for precision, peak in rates.items():
        for way, network in _networks(subject, precision, compiled=compiled):
            images = _tensor(subject.images).to(precision)
            asked = ASKED.get(subject.name, "") if precision == torch.bfloat16 else ""
            rate, cosine = _by_torch(network, images, subject, plan)
            yield row(f"torch {_name(precision)}{way}", plan.batch, rate, peak, cosine, asked)
    if torch.cuda.is_available():
        many = np.resize(subject.images, (GPU_BATCH, *subject.images.shape[1:]))
        for way, network in _networks(subject, torch.bfloat16, compiled=compiled):
            images = _tensor(many).to("cuda", torch.bfloat16)
            rate, cosine = _by_torch(network.to("cuda"), images, subject, plan)
            by = f"torch bfloat16{way}, {torch.cuda.get_device_name()}"
            asked = ASKED_OF_GPU.get(subject.name, "")
            yield row(by, GPU_BATCH, rate, GPU_RATE, cosine, asked)


def _networks(
    subject: Subject, precision: torch.dtype, *, compiled: bool
) -> Iterator[tuple[str, nn.Module]]:
    network = read_graph(subject.path).to(precision).to(memory_format=torch.channels_last)
    yield "", network
    if compiled:
        module: nn.Module = torch.compile(network, options={"freezing": True})
        yield ", compiled", module


def _tensor(images: NDArray[np.float32]) -> Tensor:
    return torch.from_numpy(images).contiguous(memory_format=torch.channels_last)


def _by_torch(
    network: nn.Module, images: Tensor, subject: Subject, plan: Plan
) -> tuple[float, float]:
    """Images a second, and the least cosine to what ONNX Runtime makes of the same images."""
    finished: Callable[[], None] = torch.cuda.synchronize if images.is_cuda else lambda: None

    def work() -> Tensor:
        with torch.inference_mode():
            features: Tensor = network(images)
        finished()
        return features

    ours = work()[: len(subject.features)].double().cpu().numpy()
    lengths = np.linalg.norm(ours, axis=1) * np.linalg.norm(subject.features, axis=1)
    cosine = float(((ours * subject.features).sum(axis=1) / lengths).min())
    return len(images) / median_of(work, plan.repeats), cosine


def _operations(network: GraphNetwork) -> int:
    """Floating-point operations of all convolutions and matrices for one image."""
    counted = []

    def count(module: nn.Module, _: object, output: Tensor) -> None:
        weight = module.weight
        assert isinstance(weight, Tensor)
        counted.append(2 * output.numel() * weight[0].numel())

    for module in network.modules():
        if isinstance(module, nn.Conv2d | nn.Linear):
            module.register_forward_hook(count)
    with torch.inference_mode():
        network(torch.zeros(1, *network.input_shape))
    return sum(counted)


def _name(precision: torch.dtype) -> str:
    return str(precision).removeprefix("torch.")


def _tera(rate: float) -> str:
    return f"{rate / 1e12:.3f}"


if __name__ == "__main__":
    main()
