"""The session runs what was sealed, on the provider that it says, and nothing else."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import onnxruntime
import pytest

from contract.errors import InterfaceError
from contract.rollout import first_feeds, rollout
from contract.seal import Artifact
from serving.errors import ProviderError
from serving.session import Session


def test_any_number_of_threads_gives_the_same_bytes(artifact: Artifact):
    outs = [
        rollout(artifact.spec, Session(artifact, "cpu", threads).run, 5, range(64), (97,))
        for threads in (1, 2, 3)
    ]
    assert len({out["values"].tobytes() for out in outs}) == 1


def test_auto_takes_the_cpu_where_there_is_no_cuda(artifact: Artifact):
    if "CUDAExecutionProvider" in onnxruntime.get_available_providers():
        pytest.skip("this onnxruntime has CUDA")
    assert Session(artifact).provider == "cpu"


def test_cuda_gives_what_the_cpu_gives(artifact: Artifact):
    try:
        session = Session(artifact, "cuda")
    except ProviderError as error:
        pytest.skip(f"needs a GPU: {error}")
    feeds = first_feeds(artifact.spec, 1, range(7), 24)
    cpu, cuda = Session(artifact, "cpu").run(feeds), session.run(feeds)
    spans = np.array([c.high - c.low for c in artifact.spec.channels])
    assert (abs(cpu["values"] - cuda["values"]) / spans).max() < 1e-2


def test_a_graph_that_is_not_its_spec_is_refused(artifact: Artifact):
    other = replace(artifact, spec=replace(artifact.spec, noise_size=artifact.spec.noise_size + 1))
    with pytest.raises(InterfaceError, match="noise float32"):
        Session(other, "cpu")


@pytest.mark.parametrize("shape", [(0, 5), (5, 0)])
def test_an_empty_batch_never_reaches_the_runtime(session: Session, shape: tuple[int, int]):
    feeds: Mapping = first_feeds(session.spec, 0, range(1), 1)
    empty = np.zeros((*shape, session.spec.noise_size), np.float32)
    with pytest.raises(AssertionError, match="aborts"):
        session.run({**feeds, "noise": empty})
