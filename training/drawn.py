"""Rows from a generator that is in training, or was, for pictures and judges: no graph is needed."""

import numpy as np
import torch

from training.conditions import Conditions
from training.data.windows import ENDED
from training.decoder import Decoding
from training.generator import Generator
from training.layout import Floats


def sample_rows(
    generator: Generator, decoding: Decoding, conditions: Conditions, count: int, length: int, seed: int
) -> Floats:
    """Rows (count, length, columns) from a generator, as `Windows.take` gives those of data, for pictures
    and judges, under conditions as the data have them."""
    given = torch.from_numpy(conditions.encode(conditions.draw(count, seed)))
    random = torch.Generator().manual_seed(seed)
    parts = []
    with torch.no_grad():
        for first in range(0, count, 1024):
            batch = min(1024, count - first)
            latent = torch.randn((batch, generator.latents), generator=random)
            noise = torch.randn((batch, length, generator.noise_size), generator=random)
            device = generator.a.device
            once = torch.cat([latent, given[first : first + batch]], 1).to(device)
            y, logits, _ = generator.play(once, noise.to(device))
            places = given[first : first + batch, given.shape[1] - len(conditions.seasons) :].long().numpy()
            turns = {s.name: row for s, row in zip(conditions.seasons, places.T, strict=True)}
            rows = decoding.rows(generator.scores(y).cpu().numpy(), logits.cpu().numpy(), turns)
            if conditions.most:
                rows[generator.valid(once, logits).cpu().numpy() == 0] = ENDED
            parts.append(rows)
    return np.concatenate(parts)
