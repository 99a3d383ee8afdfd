"""The session runs what was sealed, on the provider that it says, and nothing else."""

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from queue import SimpleQueue

import numpy as np
import onnxruntime
import pytest

from contract.errors import InterfaceError, SpecError
from contract.rollout import first_feeds, rollout
from contract.seal import Artifact
from serving.errors import ProviderError, ServingError
from serving.scheduler import Chunk, Request, Scheduler
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


def test_a_model_whose_seeds_meant_other_noise_is_refused(artifact: Artifact):
    old = replace(artifact.spec.noise, algorithm="philox4x64-10/ziggurat-f32", version=1)
    with pytest.raises(SpecError, match="version 1, is not what is drawn here .* export it anew"):
        Session(replace(artifact, spec=replace(artifact.spec, noise=old)), "cpu")


@pytest.mark.parametrize("shape", [(0, 5), (5, 0)])
def test_an_empty_batch_never_reaches_the_runtime(session: Session, shape: tuple[int, int]):
    feeds: Mapping = first_feeds(session.spec, 0, range(1), 1)
    empty = np.zeros((*shape, session.spec.noise_size), np.float32)
    with pytest.raises(AssertionError, match="aborts"):
        session.run({**feeds, "noise": empty})


def test_states_that_stay_on_the_device_give_the_same_bytes(session: Session):
    """On the CPU, where the device is this one; the code is that of CUDA."""
    spec, rows = session.spec, range(7)
    chunks = (24, 8, 1, 30)
    resident = rollout(spec, session.run_resident, 5, rows, chunks)
    assert resident["values"].tobytes() == rollout(spec, session.run, 5, rows, chunks)["values"].tobytes()


def test_a_scheduler_gathers_states_from_the_device(session: Session):
    requests = [Request(seed, 1 + seed % 3, 20 + 7 * seed) for seed in range(12)]
    answers: SimpleQueue[tuple[Request, np.ndarray]] = SimpleQueue()

    def keep(request: Request, item: Chunk | ServingError | None) -> None:
        assert not isinstance(item, ServingError)
        if item is not None:
            answers.put((request, item.arrays["values"]))

    scheduler = Scheduler(session.spec, session.run_resident, 8, 16, 10**9)
    for request in requests:
        scheduler.submit(request, partial(keep, request))
    scheduler.close()
    assert answers.qsize() == len(requests)
    while not answers.empty():
        request, made = answers.get()
        alone = rollout(
            session.spec, session.run, request.seed, range(request.count), (request.length or 0,)
        )
        assert made.tobytes() == alone["values"].tobytes()


def test_ticks_on_cuda_give_what_the_cpu_gives(artifact: Artifact):
    try:
        session = Session(artifact, "cuda")
    except ProviderError as error:
        pytest.skip(f"needs a GPU: {error}")
    chunks = (32, 32, 7)
    cpu = rollout(artifact.spec, Session(artifact, "cpu").run, 3, range(9), chunks)["values"]
    cuda = rollout(artifact.spec, session.run_ticks, 3, range(9), chunks)["values"]
    spans = np.array([c.high - c.low for c in artifact.spec.channels])
    assert (abs(cpu - cuda) / spans).max() < 1e-2
