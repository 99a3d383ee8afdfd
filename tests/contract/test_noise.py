"""Noise is a pure function of (seed, row, step)."""

import numpy as np
import pytest

from contract import noise
from contract.noise import BLOCK_STEPS, MAX_SEED, NoiseStream


def draw(seed: int, row: int, start: int, steps: int, size: int = 5) -> np.ndarray:
    out = np.empty((1, steps, size), np.float32)
    NoiseStream().steps(seed, [row], start, out)
    return out[0]


def test_more_steps_change_none_that_were_given():
    long = draw(3, 1, 0, 5 * BLOCK_STEPS + 7)
    for steps in (1, 2, BLOCK_STEPS - 1, BLOCK_STEPS, BLOCK_STEPS + 1, 100):
        np.testing.assert_array_equal(draw(3, 1, 0, steps), long[:steps])


@pytest.mark.parametrize(
    "start", [0, 1, 17, BLOCK_STEPS - 1, BLOCK_STEPS, BLOCK_STEPS + 5, 3 * BLOCK_STEPS]
)
def test_any_start_gives_the_same_steps(start: int):
    whole = draw(9, 4, 0, 200)
    np.testing.assert_array_equal(draw(9, 4, start, 200 - start), whole[start:])


def test_rows_do_not_depend_on_what_was_drawn_before():
    stream, out, rows = NoiseStream(), np.empty((3, 40, 5), np.float32), (7, 0, 3)
    stream.latents(1, rows, 6)
    stream.uniforms(1, [7])
    stream.steps(1, rows, 3, out)
    for row, made in zip(rows, out, strict=True):
        np.testing.assert_array_equal(made, draw(1, row, 3, 40))
    np.testing.assert_array_equal(stream.latents(1, rows, 6)[2:], NoiseStream().latents(1, [3], 6))


def test_seed_row_and_step_each_matter():
    base = draw(1, 1, 0, 64)
    assert not np.isin(base, draw(2, 1, 0, 64)).any()
    assert not np.isin(base, draw(1, 2, 0, 64)).any()
    assert len(np.unique(base)) == base.size


def test_the_latent_does_not_repeat_the_noise():
    latent = NoiseStream().latents(1, [1], 64)
    assert not np.isin(latent, draw(1, 1, 0, 64)).any()


def test_noise_is_standard_normal():
    sample = np.concatenate([draw(11, row, 0, 320).ravel() for row in range(40)]).astype(float)
    assert abs(sample.mean()) < 0.015
    assert abs(sample.std() - 1) < 0.015
    assert abs((sample**4).mean() - 3) < 0.15


def test_the_largest_seed_and_row_work():
    assert np.isfinite(draw(MAX_SEED, 2**40, 10**9, 3)).all()


def test_no_two_values_of_a_pair_hang_together_and_tails_are_as_long_as_they_should_be():
    """A step's normals are turned in pairs: neither they nor their squares may be correlated."""
    out = np.empty((4000, BLOCK_STEPS, 8), np.float32)
    NoiseStream().steps(5, range(4000), 0, out)
    steps = out.reshape(-1, 8).astype(float)  # (128,000, 8)
    for each in (steps, steps**2):
        assert np.abs(np.corrcoef(each.T) - np.eye(8)).max() * np.sqrt(len(steps)) < 4
    far = int((np.abs(steps) > 4).sum())
    assert far == pytest.approx(6.33e-5 * steps.size, rel=0.4)
    assert len(np.unique(out)) > 0.9 * out.size


def test_an_odd_number_of_values_is_drawn_too():
    sizes = [draw(1, 1, 0, 3, size) for size in (1, 15, 16, 17, 33)]
    assert [s.shape[1] for s in sizes] == [1, 15, 16, 17, 33]
    np.testing.assert_array_equal(sizes[1], sizes[2][:, :15])
    assert all(np.isfinite(s).all() and len(np.unique(s)) == s.size for s in sizes)


def test_uniforms_are_those_of_their_rows():
    stream = NoiseStream()
    drawn = stream.uniforms(3, range(1000))
    assert (drawn[17] == stream.uniforms(3, [17])[0]).all()
    assert ((drawn >= 0) & (drawn < 1)).all()
    assert abs(drawn.mean() - 0.5) < 0.03


def test_the_digest_is_that_of_the_tested_machine():
    # Written down once: another figure means that every seed gives other samples.
    assert noise.digest().startswith("5e81649e39044179")
