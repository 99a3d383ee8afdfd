"""A tick is as large as the machine wants it, in logical time."""

from collections.abc import Callable, Mapping

import pytest

from contract.rollout import Array, Arrays, first_feeds
from serving.calibration import Tick, calibrate
from tests.serving.plain import SPEC, walk


def calibrated(seconds: Callable[[int, int], float], rows: int = 0, steps: int = 0) -> Tick:
    """The tick on a machine that takes so long for so many rows and steps."""
    now = 0.0

    def run(feeds: Mapping[str, Array]) -> Arrays:
        nonlocal now
        now += seconds(*feeds["noise"].shape[:2])
        return walk(feeds)

    return calibrate(SPEC, run, lambda: now, rows, steps)


def test_a_tick_is_the_smallest_that_makes_nearly_as_much_as_the_best():
    tick = calibrated(lambda rows, steps: 1e-4 + 2e-6 * rows * steps)
    assert (tick.rows, tick.steps) == (48, 32)
    # Two hundred would make 7 % more.
    assert tick.rate == pytest.approx(48 * 32 / (1e-4 + 2e-4 + 48 * 32 * 2e-6))


def test_rows_that_leave_the_cache_are_run_in_strips():
    """Many at once are slower, but a tick of few would be done before the next has been put together."""
    asked: list[int] = []

    def seconds(rows: int, steps: int) -> float:
        asked.append(rows)
        return (1e-6 if rows <= 24 else 2e-6) * rows * steps

    tick = calibrated(seconds)
    assert tick.rows == 64
    assert tick.rate == pytest.approx(64 * 32 / (2e-4 + 64 * 32 * 1e-6))
    asked.clear()
    tick.run(first_feeds(SPEC, 0, range(tick.rows), tick.steps))
    assert asked == [21, 21, 22]


def test_what_a_strip_costs_besides_counts():
    asked: list[int] = []

    def seconds(rows: int, steps: int) -> float:
        asked.append(rows)
        return {16: 1.0, 24: 1.02, 32: 1.02}.get(rows, 1.1) * 1e-6 * rows * steps

    tick = calibrated(seconds)
    asked.clear()
    tick.run(first_feeds(SPEC, 0, range(96), tick.steps))
    assert asked == [32, 32, 32]


def test_where_more_rows_are_faster_nothing_is_cut():
    asked: list[int] = []

    def seconds(rows: int, steps: int) -> float:
        asked.append(rows)
        return 1e-3 + 1e-6 * rows * steps

    tick = calibrated(seconds)
    asked.clear()
    tick.run(first_feeds(SPEC, 0, range(1000), tick.steps))
    assert asked == [1000]


def test_what_a_tick_costs_besides_the_inference_counts():
    """A small model's ticks of few rows would be done before the next has been put together."""
    assert calibrated(lambda rows, steps: 5e-7 * rows * steps).rows == 128
    assert calibrated(lambda rows, steps: 2e-6 * rows * steps).rows == 48


def test_a_tick_that_takes_too_long_gets_fewer_rows():
    assert calibrated(lambda rows, steps: 2e-5 * rows * steps).rows == 24
    assert calibrated(lambda rows, steps: 1e-4 * rows * steps).rows == 8


def test_steps_grow_where_each_inference_costs_much():
    tick = calibrated(lambda rows, steps: 1e-3 + 1e-5 * steps)
    assert tick.rows == 4096
    assert tick.steps == 128


def test_a_slow_model_gets_small_ticks_and_a_short_trial():
    spent = 0.0

    def seconds(rows: int, steps: int) -> float:
        nonlocal spent
        spent += 1e-5 * rows * steps
        return 1e-5 * rows * steps

    assert calibrated(seconds).rows < 64
    assert spent < 1


def test_what_is_set_is_taken():
    tick = calibrated(lambda rows, steps: 1e-7 * rows * steps, rows=10, steps=7)
    assert (tick.rows, tick.steps) == (10, 7)
    assert calibrated(lambda rows, steps: 1e-7 * rows * steps, rows=10).rows == 10
    assert calibrated(lambda rows, steps: 1e-7 * rows * steps, steps=7).steps == 7
