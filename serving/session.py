"""A sealed model in onnxruntime: verified, held against its Spec, and called with arrays.

Knows nothing of requests. An empty batch would abort the process inside the runtime, so it is
refused here too, last of all.
"""

import logging
from collections.abc import Mapping, Sequence
from typing import Any

import onnxruntime

from contract import interface
from contract.rollout import Array, Arrays, first_feeds
from contract.seal import Artifact
from serving.errors import ProviderError
from serving.settings import Provider

_CPU, _CUDA = "CPUExecutionProvider", "CUDAExecutionProvider"
_DTYPES = {"tensor(float)": "float32", "tensor(int64)": "int64", "tensor(bool)": "bool"}
_log = logging.getLogger(__name__)


class Session:
    """A model that can be run."""

    def __init__(self, artifact: Artifact, provider: Provider = "auto", threads: int = 1) -> None:
        """Start the runtime on `provider`.

        Raises:
            InterfaceError: the graph is not what its Spec says.
            ProviderError: CUDA was asked for and does not run here.
        """
        self.spec, self.digest = artifact.spec, artifact.digest
        self.provider, self._session = _start(artifact, provider, threads)
        interface.compare(
            self.spec,
            map(_tensor, self._session.get_inputs()),
            map(_tensor, self._session.get_outputs()),
        )
        self._names = [o.name for o in self._session.get_outputs()]
        # The arena would keep what the largest request ever needed.
        self._options = onnxruntime.RunOptions()
        if self.provider == "cpu":
            self._options.add_run_config_entry("memory.enable_memory_arena_shrinkage", "cpu:0")

    def run(self, feeds: Mapping[str, Array]) -> Arrays:
        """One inference over named arrays, see `contract/interface.py`."""
        batch, steps, _ = feeds["noise"].shape
        assert batch and steps, "an empty batch aborts onnxruntime"
        outputs = self._session.run(self._names, dict(feeds), self._options)
        return dict(zip(self._names, outputs, strict=True))

    def warm_up(self, shapes: Sequence[tuple[int, int]]) -> None:
        """Run once at each (rows, steps), so that the first request finds memory and code warm."""
        for rows, steps in shapes:
            self.run(first_feeds(self.spec, 0, range(rows), steps))


def _start(artifact: Artifact, wanted: Provider, threads: int) -> tuple[Provider, Any]:
    """The provider that really runs, and its session."""
    if wanted == "cpu":
        return "cpu", _session(artifact, _CPU, threads)
    try:
        if _CUDA not in onnxruntime.get_available_providers():
            raise ProviderError("this onnxruntime has no CUDA: install cadenza[serve-gpu]")
        onnxruntime.preload_dlls()
        session = _session(artifact, _CUDA, threads)
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


def _session(artifact: Artifact, provider: str, threads: int) -> Any:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return onnxruntime.InferenceSession(artifact.data, options, providers=[provider])


def _tensor(node: Any) -> interface.Tensor:
    return interface.Tensor(node.name, _DTYPES.get(node.type, node.type), tuple(node.shape))
