"""tsgm's LSTM GAN and VAE, on Keras over torch. Run with its own interpreter: keras_models.py JOB.json

Sizes, optimisers and epochs are those of tsgm's own tutorials: GAN (`getting_started_with_tsgm`) with
latent 64, batch 128, Adam (2e-4, β₁ ½), values in −1 … 1, 1000 epochs; VAE (`VAEs/VAE`) with latent 10,
batch 64, Adam's defaults, values in 0 … 1, 100 epochs. At a budget they train until it is spent.
"""

import os

os.environ["KERAS_BACKEND"] = "torch"

import keras
import numpy as np
import torch
import tsgm
from job import Job, cpu_seconds

EPOCHS = {"tsgm-gan": 1000, "tsgm-vae": 100}
_AT_ONCE = 1000
_NO_END = 1_000_000


class Budget(keras.callbacks.Callback):
    """Stops training when its CPU seconds are spent, and counts batches."""

    def __init__(self, seconds: float | None):
        super().__init__()
        self.until = None if seconds is None else cpu_seconds() + seconds
        self.batches = 0

    def on_train_batch_end(self, batch: int, logs: object = None) -> None:
        """Called by Keras."""
        self.batches += 1
        if self.until is not None and cpu_seconds() >= self.until:
            self.model.stop_training = True


def main() -> None:
    """Train and sample as the job says."""
    job = Job()
    torch.set_num_threads(1)
    keras.utils.set_random_seed(job.seed)
    low, high = job.train.min((0, 1)), job.train.max((0, 1))
    span = np.where(high > low, high - low, 1.0)
    unit = ((job.train - low) / span).astype(np.float32)  # (windows, length, channels), 0 … 1
    _, length, channels = unit.shape
    if job.method == "tsgm-gan":
        model, batch, scaled = lstm_gan(length, channels), 128, unit * 2 - 1
        data = torch.utils.data.TensorDataset(torch.from_numpy(scaled))
        shuffled = torch.Generator().manual_seed(job.seed)
        feed = {"x": torch.utils.data.DataLoader(data, batch, shuffle=True, generator=shuffled)}
    else:
        model, batch = vae(length, channels), 64
        feed = {"x": unit, "batch_size": batch}
    with job.timed("train"):
        budget = Budget(job.seconds)
        epochs = EPOCHS[job.method] if job.seconds is None else _NO_END
        model.fit(**feed, epochs=epochs, callbacks=[budget], verbose=0)
    with job.timed("sample"), torch.no_grad():
        parts = [model.generate(min(_AT_ONCE, job.count - i)) for i in range(0, job.count, _AT_ONCE)]
        made = np.concatenate([keras.ops.convert_to_numpy(p) for p in parts])
    if job.method == "tsgm-gan":
        made = (made + 1) / 2
    passes = budget.batches / -(-len(unit) // batch)
    job.finish(made * span + low, steps=budget.batches, note=f"{passes:.3g} epochs")


def lstm_gan(length: int, channels: int) -> keras.Model:
    """`cgan_lstm_n` without a condition."""
    latent = 64
    parts = tsgm.models.architectures.zoo["cgan_lstm_n"](
        seq_len=length, feat_dim=channels, latent_dim=latent, output_dim=0
    )
    gan = tsgm.models.cgan.GAN(parts.discriminator, parts.generator, latent)
    gan.compile(
        d_optimizer=keras.optimizers.Adam(2e-4, beta_1=0.5),
        g_optimizer=keras.optimizers.Adam(2e-4, beta_1=0.5),
        loss_fn=keras.losses.BinaryCrossentropy(),
    )
    return gan


def vae(length: int, channels: int) -> keras.Model:
    """`vae_conv5`."""
    parts = tsgm.models.architectures.zoo["vae_conv5"](length, channels, 10)
    model = tsgm.models.cvae.BetaVAE(parts.encoder, parts.decoder)
    model.compile(optimizer=keras.optimizers.Adam())
    return model


if __name__ == "__main__":
    main()
