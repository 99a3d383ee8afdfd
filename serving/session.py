"""A sealed model in onnxruntime: verified, held against its Spec, and called with arrays.

Knows nothing of requests. An empty batch would abort the process inside the runtime, so it is
refused here too, last of all.
"""

import logging
import time
from collections.abc import Mapping
from typing import Any, cast

import numpy as np
import onnxruntime

from contract import interface
from contract.checks import noise_is_as_sealed
from contract.errors import InterfaceError, SpecError
from contract.rollout import Array, Arrays, Run, first_feeds
from contract.seal import Artifact
from serving.calibration import Tick, calibrate
from serving.errors import ProviderError
from serving.settings import Provider

_CPU, _CUDA = "CPUExecutionProvider", "CUDAExecutionProvider"
_DTYPES = {"tensor(float)": "float32", "tensor(int64)": "int64", "tensor(bool)": "bool"}
_log = logging.getLogger(__name__)


class Session:
    """A model that can be run."""

    def __init__(
        self, artifact: Artifact, provider: Provider = "auto", threads: int = 1, device: int = 0
    ) -> None:
        """Start the runtime on `provider`; with CUDA on the GPU of that number.

        Raises:
            SpecError: its seeds mean other noise than this cadenza draws.
            InterfaceError: the graph is not what its Spec says, or the runtime cannot run it.
            ProviderError: CUDA was asked for and does not run here.
        """
        self.spec, self.digest = artifact.spec, artifact.digest
        sealed = noise_is_as_sealed(self.spec)
        if not sealed.passed:
            raise SpecError(f"the model's noise stream, {sealed.detail}; export it anew from its run")
        self._device = device
        self.provider, self._session = _start(artifact, provider, threads, device)
        interface.compare(
            self.spec,
            map(_tensor, self._session.get_inputs()),
            map(_tensor, self._session.get_outputs()),
        )
        self._names = [o.name for o in self._session.get_outputs()]

    def run(self, feeds: Mapping[str, Array]) -> Arrays:
        """One inference over named arrays, see `contract/interface.py`."""
        batch, steps, _ = feeds["noise"].shape
        assert batch and steps, "an empty batch aborts onnxruntime"
        outputs = self._session.run(self._names, dict(feeds))
        return dict(zip(self._names, outputs, strict=True))

    def run_resident(self, feeds: Mapping[str, Array]) -> Arrays:
        """The same, but the states that come out stay on the device until they are looked at, and
        can be fed back as they are."""
        binding = self._session.io_binding()
        for name, value in feeds.items():
            resident = getattr(value, "resident", None)
            if resident is None:
                binding.bind_cpu_input(name, np.ascontiguousarray(value))
            else:
                binding.bind_ortvalue_input(name, resident)
        for name in self._names:
            stays = name.startswith("next.")
            binding.bind_output(name, self.provider if stays else "cpu", self._device if stays else 0)
        self._session.run_with_iobinding(binding)
        return {
            name: cast(Array, _Resident(value)) if name.startswith("next.") else value.numpy()
            for name, value in zip(self._names, binding.get_outputs(), strict=True)
        }

    @property
    def run_ticks(self) -> Run:
        """How to run tick after tick. On the CPU nothing is gained by binding: measured, rebinding
        every tick costs a fifth of a small one more than handing the arrays over."""
        return self.run if self.provider == "cpu" else self.run_resident

    def calibrated(self, rows: int = 0, steps: int = 0) -> Tick:
        """The best tick here, with as many rows and steps as are said; 0 finds them. On the CPU it is timed
        by this thread's own seconds, which whoever else uses the machine just now does not lengthen."""
        if self.provider == "cpu":
            return calibrate(self.spec, self.run_ticks, time.thread_time, rows, steps)
        return calibrate(self.spec, self.run_ticks, time.perf_counter, rows, steps, cut=False)

    def trim(self) -> None:
        """Give back what memory the arena holds beyond what a small run needs."""
        options = onnxruntime.RunOptions()
        if self.provider == "cpu":
            options.add_run_config_entry("memory.enable_memory_arena_shrinkage", "cpu:0")
        self._session.run(self._names, first_feeds(self.spec, 0, range(1), 1), options)


class _Resident:
    """A tensor on its device; numpy gets a copy when it asks for one."""

    def __init__(self, value: Any) -> None:
        self.resident = value

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Array:
        return np.asarray(self.resident.numpy(), dtype)


def _start(artifact: Artifact, wanted: Provider, threads: int, device: int) -> tuple[Provider, Any]:
    """The provider that really runs, and its session."""
    if wanted == "cpu":
        return "cpu", _session(artifact, _CPU, threads)
    try:
        if _CUDA not in onnxruntime.get_available_providers():
            raise ProviderError("this onnxruntime has no CUDA: install cadenza[serve-gpu]")
        onnxruntime.preload_dlls()
        session = _session(artifact, (_CUDA, {"device_id": device}), threads)
        if session.get_providers()[0] != _CUDA:
            raise ProviderError("CUDA is built in, but cannot be loaded on this machine")
        session.run(None, first_feeds(artifact.spec, 0, range(1), 1))
        return "cuda", session
    except Exception as error:  # drivers and libraries fail in many ways
        if wanted == "cuda":
            raise ProviderError(f"CUDA was asked for and does not run here: {error}") from error
        if not isinstance(error, ProviderError):
            _log.warning("CUDA does not run here, the CPU is used: %s", error)
    return "cpu", _session(artifact, _CPU, threads)


def _session(artifact: Artifact, provider: str | tuple[str, dict[str, int]], threads: int) -> Any:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    try:
        return onnxruntime.InferenceSession(artifact.data, options, providers=[provider])
    except Exception as error:  # the runtime has no base for its own
        raise InterfaceError(f"onnxruntime cannot run the graph: {error}") from error


def _tensor(node: Any) -> interface.Tensor:
    return interface.Tensor(node.name, _DTYPES.get(node.type, node.type), tuple(node.shape))
