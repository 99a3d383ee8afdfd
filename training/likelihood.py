"""Maximum likelihood for choices.

    −Σ_t log softmax(logits_t)[x_t],    where the LSTM is shown the data's own x_{t−1}

is what is made small: teacher forcing (Williams and Zipser, "A learning algorithm for continually running
fully recurrent neural networks", Neural Computation 1, 1989). What this never sees is a
sequence of the generator's own: where it leads when it goes a little astray, and what a sequence is as a
whole, the game teaches, beside which the likelihood goes on as a ballast.
"""

from torch import Tensor

from training.networks import Generator, validity


def negative_log_likelihood(generator: Generator, once: Tensor, noise: Tensor, chosen: Tensor) -> Tensor:
    """Mean over the steps there are, summed over choices: ().

    `once` (batch, latent + given) and `noise` (batch, steps, noise) as the generator takes them, `chosen`
    (batch, steps, width) as one-hot vectors.
    """
    _, logits, _ = generator.play(once, noise, chosen=chosen)
    latent, choices = generator.sizes.latent, generator.choices
    logits = logits - choices.gumbel(noise[..., latent:])  # (batch, steps, width)
    sizes = choices.sizes
    terms = [
        -(x * part.log_softmax(2)).sum(2)
        for x, part in zip(chosen.split(sizes, 2), logits.split(sizes, 2), strict=True)
    ]
    loss: Tensor = sum(terms[1:], terms[0])  # (batch, steps)
    if not generator.most:
        return loss.mean()
    valid = validity(once, generator.most, loss.shape[1])
    mean: Tensor = (loss * valid).sum() / valid.sum()
    return mean
