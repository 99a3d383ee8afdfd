"""How far the graph is from the checkpoint it was made of.

In two parts, since rounding and tables jump: the network's raw scores against torch's in double
precision, over the grid; and the decoding against its numpy twin, from the very same scores, exactly.

A recurrence makes rounding grow with the number of steps, and the more so the livelier it is. So
torch's own single precision is held against its double precision too: no graph in single precision
can be asked for less.
"""

import copy
from dataclasses import dataclass

import numpy as np
import torch

from contract import checks
from contract.rollout import Run
from contract.spec import Spec
from export.graph import SCORES
from training.basis import Decoder
from training.networks import Generator


@dataclass(frozen=True)
class Measured:
    """Parity over the whole grid."""

    network: float
    network_rms: float
    rounding: float
    """The same as `network` of torch's own single precision."""
    decoding: float


@torch.no_grad()
def measure(spec: Spec, probe: Run, generator: Generator, decoder: Decoder) -> Measured:
    """Compare `probe`, a graph that also gives its scores, with torch and the numpy twin."""
    exact = copy.deepcopy(generator).double()
    largest = gap = squares = gap_squares = rounding = decoding = 0.0
    for batch in checks.BATCHES:
        for steps in checks.STEPS:
            feeds = checks.feeds(spec, range(batch), steps)
            given = [torch.from_numpy(feeds[n]) for n in ("latent", "noise")]
            wanted = exact.scores(
                exact(*(x.double() for x in given))[0]
            ).numpy()  # (batch, steps, channels)
            single = generator.scores(generator(*given)[0]).numpy()
            rounding = max(rounding, float(np.abs(single - wanted).max()))
            out = probe(feeds)
            scores = np.swapaxes(out[SCORES], 0, 1).astype(np.float32)  # (batch, steps, channels)
            apart = np.abs(scores - wanted)
            gap, largest = max(gap, float(apart.max())), max(largest, float(abs(wanted).max()))
            gap_squares, squares = (
                gap_squares + float((apart**2).mean()),
                squares + float((wanted**2).mean()),
            )
            twin = {"values": decoder(scores)}
            decoding = max(decoding, checks.difference(spec, {"values": out["values"]}, twin))
    return Measured(gap / largest, float(np.sqrt(gap_squares / squares)), rounding / largest, decoding)
