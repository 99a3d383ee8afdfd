"""How far the graph is from the checkpoint it was made of.

In two parts, since rounding and tables jump: the network's raw scores against torch's, over the
grid; and the decoding against its numpy twin, from the very same scores, exactly.
"""

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
    decoding: float


@torch.no_grad()
def measure(spec: Spec, probe: Run, generator: Generator, decoder: Decoder) -> Measured:
    """Compare `probe`, a graph that also gives its scores, with torch and the numpy twin."""
    largest = gap = squares = gap_squares = decoding = 0.0
    for batch in checks.BATCHES:
        for steps in checks.STEPS:
            feeds = checks.feeds(spec, range(batch), steps)
            y, _ = generator(*(torch.from_numpy(feeds[n]) for n in ("latent", "noise")))
            wanted = generator.scores(y).numpy().astype(np.float64)  # (batch, steps, channels)
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
    return Measured(gap / largest, float(np.sqrt(gap_squares / squares)), decoding)
