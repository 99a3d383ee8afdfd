"""Maximum likelihood for choices.

    −Σ_t log softmax(logits_t)[x_t],    where the LSTM is shown the data's own x_{t−1}

and labels beside numbers see the data's own y_t in place of what lasts in those of the generator. Where a
gate ends sequences, the same of what it should have chosen: to go on at each step there is, and
to end behind the last. That is what is made small: teacher forcing (Williams and Zipser, "A learning
algorithm for continually running fully recurrent neural networks", Neural Computation 1, 1989). What this
never sees is a sequence of the generator's own: where it leads when it goes a little astray, and what a
sequence is as a whole, the game teaches, beside which the likelihood goes on as a ballast.

As long as it alone teaches, nobody answers, and Adam may go faster than in the game, with momentum. Of
labels alone that is most of the time. Beside numbers, which only the game teaches, it is a start: an hour
that goes round, or a weekday that changes at midnight, takes the game alone long to find.
"""

import torch
from torch import Tensor

from training.ends import log_probability, validity
from training.generator import Generator

FASTER = 4.0
"""What the learning rate is multiplied with."""
BETAS = (0.9, 0.99)
"""Adam's."""


def negative_log_likelihood(generator: Generator, once: Tensor, noise: Tensor, rows: Tensor) -> Tensor:
    """Mean over the steps there are, summed over choices: ().

    `once` (batch, latents + given) and `noise` (batch, steps, noise) as the generator takes them, `rows`
    (batch, steps, components + width) as it gives them, and with a gate behind them where there are steps.
    """
    choices, gate = generator.choices, generator.gate
    known, chosen = rows.tensor_split([len(generator.a)], 2)
    valid = None
    if generator.gated:
        chosen, valid = chosen[..., :-1], chosen[..., -1]
    elif generator.most:
        valid = validity(once, generator.most, chosen.shape[1])
    _, logits, _ = generator.play(once, noise, chosen=chosen, known=known)
    _, normals, latch = noise.split([generator.sizes.latent, choices.width, gate.width], 2)
    logits = logits - torch.cat([choices.gumbel(normals), gate.gumbel(latch)], 2)  # (batch, steps, …)
    own, gates = logits.split([choices.width, gate.width], 2)
    terms = [
        -(x * part.log_softmax(2)).sum(2)
        for x, part in zip(chosen.split(choices.sizes, 2), own.split(choices.sizes, 2), strict=True)
    ]
    loss: Tensor = sum(terms[1:], terms[0])  # (batch, steps)
    if valid is None:
        return loss.mean()
    total = (loss * valid).sum()
    if generator.gated:
        total = total - log_probability(gates, valid).sum()
    return total / valid.sum()
