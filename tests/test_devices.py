from __future__ import annotations

import os
import subprocess
import sys
from types import SimpleNamespace

import pytest

from gestalt_space import devices
from gestalt_space.devices import free_memory
from gestalt_space.errors import DeviceUnavailable

CPU, CUDA = "CPUExecutionProvider", "CUDAExecutionProvider"


@pytest.fixture
def offered(monkeypatch: pytest.MonkeyPatch):
    """Says which providers ONNX Runtime has."""

    def offer(*names: str) -> None:
        fake = SimpleNamespace(get_available_providers=lambda: list(names))
        monkeypatch.setattr(devices, "runtime", lambda: fake)

    return offer


def test_auto_takes_cuda_where_it_is_offered(offered):
    offered(CUDA, CPU)
    strict = (CUDA, {"use_tf32": "0", "cudnn_conv_algo_search": "HEURISTIC"})
    assert devices.providers("auto") == [strict, CPU]
    assert devices.providers("cuda") == [strict, CPU]
    assert devices.providers("cpu") == [CPU]


def test_auto_takes_the_processor_otherwise(offered):
    offered("AzureExecutionProvider", CPU)
    assert devices.providers("auto") == [CPU]


def test_cuda_that_is_asked_for_and_not_there_fails_loudly(offered):
    offered(CPU)
    with pytest.raises(DeviceUnavailable, match="no CUDA provider") as caught:
        devices.providers("cuda")
    assert "onnxruntime-gpu" in caught.value.hint


def test_a_silent_fallback_is_noticed():
    fallen = SimpleNamespace(get_providers=lambda: [CPU])
    running = SimpleNamespace(get_providers=lambda: [CUDA, CPU])
    assert devices.check_provider(fallen, "auto") == "cpu"
    assert devices.check_provider(fallen, "cpu") == "cpu"
    assert devices.check_provider(running, "cuda") == "cuda"
    with pytest.raises(DeviceUnavailable, match="could not start"):
        devices.check_provider(fallen, "cuda")


def test_sessions_use_the_threads_that_are_given_and_none_that_spin():
    assert devices.session_options(3).intra_op_num_threads == 3
    assert devices.session_options().intra_op_num_threads == devices.cores()
    spinning = devices.session_options().get_session_config_entry("session.intra_op.allow_spinning")
    assert spinning == "0"


def test_the_cores_are_those_this_process_may_use(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: {4, 7, 9}, raising=False)
    assert devices.cores() == 3
    monkeypatch.delattr(os, "sched_getaffinity")
    monkeypatch.setattr(os, "cpu_count", lambda: None)
    assert devices.cores() == 1


def test_the_telemetry_of_onnx_runtime_is_off():
    program = (
        "import os, sys\n"
        "from gestalt_space.devices import runtime\n"
        "assert 'onnxruntime' not in sys.modules\n"
        "runtime()\n"
        "sys.stdout.write(os.environ['ORT_DISABLE_TELEMETRY'])\n"
    )
    environment = {k: v for k, v in os.environ.items() if k != "ORT_DISABLE_TELEMETRY"}
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        timeout=60,
        env=environment,
    )
    assert done.stdout == "1", done.stderr


def test_free_memory_is_what_the_system_tells():
    free = free_memory()
    if sys.platform != "linux":
        assert free is None
        return
    assert free is not None
    assert 2**20 < free <= os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
