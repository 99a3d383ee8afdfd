"""Who goes next, who is refused and who stops, in logical time: a plain function moves the clock."""

import gc
import weakref

import numpy as np
import pytest

from contract.rollout import rollout
from serving.errors import Cancelled
from serving.scheduler import Request
from tests.serving.plain import SPEC, Asked, Machine, walk

ROWS, STEPS = 16, 8
TICK = ROWS * STEPS


def test_two_clients_that_want_all_get_half_each():
    machine = Machine(ROWS, STEPS)
    greedy = [machine.ask(Request(1, 40, 200, client="greedy")) for _ in range(20)]
    modest = machine.ask(Request(2, 8, 400, client="modest"))
    machine.go(until=10_000)
    own = 8 * 400
    # It was given half of all that was done until then, or it would have taken longer.
    assert modest.done
    assert modest.took * machine.rate <= 2 * own + 2 * TICK
    assert not any(g.ended is not None and g.ended < modest.took / 2 for g in greedy[1:])


def test_a_new_client_does_not_wait_behind_a_full_queue_of_another():
    machine = Machine(ROWS, STEPS)
    for seed in range(100):
        machine.ask(Request(seed, 40, 200, client="greedy"))
    for _ in range(50):
        machine.scheduler.step()
    quick = machine.ask(Request(1, 2, STEPS, client="new"))
    machine.scheduler.step()
    assert quick.done


def test_who_stays_away_saves_nothing_up():
    machine = Machine(ROWS, STEPS)
    work = {"steady": 0, "returning": 0}

    def again(asked: Asked) -> None:
        work[asked.request.client] += asked.request.count * STEPS
        if machine.now < 60:
            machine.ask(asked.request, again)

    for _ in range(6):
        machine.ask(Request(1, 8, STEPS, client="steady"), again)
    machine.at(30, lambda: [machine.ask(Request(1, 8, STEPS, client="returning"), again) for _ in range(6)])
    machine.go(until=30)
    alone = work["steady"]
    machine.go(until=60)
    assert work["steady"] - alone == pytest.approx(work["returning"], rel=0.05)


def test_a_short_request_goes_before_long_ones_of_its_own_client():
    machine = Machine(ROWS, STEPS)
    long = machine.ask(Request(1, 4 * ROWS, 100 * STEPS))
    machine.scheduler.step()
    short = machine.ask(Request(2, 1, STEPS))
    machine.scheduler.step()
    assert short.done
    assert long.ended is None


@pytest.mark.parametrize("length", [20, 200])
def test_a_long_request_is_not_starved_by_a_flood_of_short_ones(length: int):
    machine = Machine(ROWS, STEPS)

    def again(asked: Asked) -> None:
        if long.ended is None:
            machine.ask(asked.request, again)

    for _ in range(3 * ROWS):  # three ticks of work wait, always
        machine.ask(Request(1, 1, STEPS), again)
    waiting = machine.scheduler.queued
    long = machine.ask(Request(2, 2, length * STEPS))
    machine.go(until=100)
    assert long.done
    # Four times what waited before it and what it is itself, or instead of the latter the full ticks
    # that it needs, and a tick at each end.
    own = max(4 * 2 * length * STEPS, length * TICK)
    assert long.took * machine.rate <= 4 * waiting + own + 2 * TICK


def test_ten_times_too_much_is_refused_or_done_and_leaves_nothing_behind():
    most = 40 * TICK
    machine = Machine(ROWS, STEPS, max_queue=most)
    random = np.random.default_rng(0)
    asked: list[Asked] = []
    deepest = 0

    def come(request: Request) -> None:
        nonlocal deepest
        asked.append(machine.ask(request))
        deepest = max(deepest, machine.scheduler.queued)

    time = 0.0
    while time < 60:
        count, length = int(random.integers(1, 5)), int(random.integers(1, 60))
        request = Request(len(asked), count, length, client=f"client {random.integers(5)}")
        machine.at(time, lambda request=request: come(request))
        time += count * length / (10 * machine.rate)
    machine.go()
    jobs = [weakref.ref(a.job) for a in asked if a.job is not None]
    accepted = [a for a in asked if a.refused is None]
    assert all(a.done for a in accepted)
    work = sum(a.request.count * (a.request.length or 0) for a in accepted)
    assert work <= 60 * machine.rate + most
    assert all(a.refused.retry_after >= 1 for a in asked if a.refused is not None)
    assert deepest <= most
    # Each of five clients has a fifth, of which a quarter at least goes in the order of arrival.
    assert max(a.took for a in accepted) <= 4 * 5 * most / machine.rate
    before = len(machine.ticks)
    after = machine.ask(Request(1, 1, STEPS))
    machine.scheduler.step()
    assert after.done
    assert len(machine.ticks) == before + 1
    asked.clear()
    accepted.clear()
    gc.collect()
    assert sum(ref() is not None for ref in jobs) <= ROWS  # no more than the last tick's
    assert machine.scheduler.queued == 0


def test_what_is_over_is_let_go_without_the_garbage_collector():
    machine = Machine(ROWS, STEPS, max_queue=20 * TICK)
    gc.collect()
    gc.disable()
    try:
        asked = [machine.ask(Request(seed, 3, 10 * STEPS)) for seed in range(50)]
        machine.go()
        jobs = [weakref.ref(a.job) for a in asked if a.job is not None]
        assert 1 < len(jobs) < len(asked)
        machine.ask(Request(1, 1, 1))  # another tick: the batch held the last one's rows
        machine.go()
        for a in asked:
            a.job = None  # it knows its consumer, and this one knows it
        assert sum(ref() is not None for ref in jobs) == 0
    finally:
        gc.enable()


def test_one_client_cannot_fill_the_queue_for_the_others():
    machine = Machine(ROWS, STEPS, max_queue=1000)
    asked = [machine.ask(Request(1, 1, 100, client="greedy")) for _ in range(20)]
    assert sum(a.refused is None for a in asked) == 8  # four times what is still free
    assert machine.ask(Request(1, 1, 100, client="other")).refused is None


def test_coming_again_when_told_is_soon_enough():
    machine = Machine(ROWS, STEPS, max_queue=5000)
    machine.ask(Request(1, 4, 1000))
    request = Request(2, 4, 1000)
    refused = machine.ask(request).refused
    assert refused is not None
    machine.go(until=refused.retry_after)
    assert machine.ask(request).refused is None


def test_the_measured_rate_is_what_the_machine_does():
    machine = Machine(ROWS, STEPS)
    machine.scheduler.rate = 5.0
    machine.ask(Request(1, 2 * ROWS, 100 * STEPS))
    machine.go()
    assert machine.scheduler.rate == pytest.approx(machine.rate, rel=0.01)


def test_ticks_with_room_to_spare_say_nothing_of_what_is_possible():
    machine = Machine(ROWS, STEPS)
    machine.scheduler.rate = 5.0
    machine.ask(Request(1, 1, 100 * STEPS))
    machine.go()
    assert machine.scheduler.rate == 5.0


def test_time_between_ticks_counts_unless_nothing_was_to_be_done():
    machine = Machine(ROWS, STEPS)
    tick = TICK / machine.rate

    def hurried() -> None:  # whoever answers takes as long as the model does
        machine.now += tick

    for n in range(200):
        machine.at((2 * n + 1) * tick, hurried)
    machine.ask(Request(1, 2 * ROWS, 100 * STEPS))
    machine.go(until=390 * tick)
    busy = machine.scheduler.rate
    assert busy == pytest.approx(machine.rate / 2, rel=0.1)
    machine.go()
    machine.now += 10**6
    machine.ask(Request(1, 2 * ROWS, STEPS))
    machine.go()
    assert machine.scheduler.rate >= busy


def test_so_much_may_wait_as_is_made_in_time_at_the_rate_of_late():
    machine = Machine(ROWS, STEPS, max_queue=100, max_wait=5.0)
    assert machine.scheduler.max_queue == 5 * machine.rate
    machine.rate /= 4  # others use the machine now
    machine.ask(Request(1, 2 * ROWS, 100 * STEPS))
    machine.go()
    assert machine.scheduler.max_queue == pytest.approx(5 * machine.rate, rel=0.02)
    asked: list[Asked] = []
    for n in range(1000):
        at = machine.now + n * TICK / 10 / machine.rate
        machine.at(at, lambda n=n: asked.append(machine.ask(Request(n, ROWS, STEPS, client=str(n % 7)))))
    machine.go()
    took = [a.took for a in asked if a.refused is None]
    # What runs when it comes, its own, and what fairness between clients lets pass.
    assert 2.5 < max(took) < 5 + 3 * TICK / machine.rate
    assert all(a.done for a in asked if a.refused is None)


def test_however_slow_the_machine_is_so_much_may_always_wait():
    machine = Machine(ROWS, STEPS, max_queue=100, max_wait=5.0)
    machine.scheduler.rate = 1.0
    assert machine.scheduler.max_queue == 100


def test_a_cancelled_request_is_in_no_further_tick():
    machine = Machine(ROWS, STEPS)
    asked = machine.ask(Request(1, ROWS, 100 * STEPS))
    for _ in range(3):
        machine.scheduler.step()
    assert asked.job is not None
    machine.scheduler.cancel(asked.job)
    machine.scheduler.cancel(asked.job)
    machine.go()
    assert isinstance(asked.outcome, Cancelled)
    assert len(machine.ticks) == 3
    assert machine.scheduler.queued == 0


def test_a_slow_reader_pauses_its_own_rows_and_nobody_elses():
    machine = Machine(ROWS, STEPS)
    slow = machine.ask(Request(1, 4, None, ahead=2))
    other = machine.ask(Request(2, 4, 40 * STEPS))
    machine.go()
    assert other.done
    assert len(slow.chunks) == 2
    assert slow.job is not None
    assert machine.scheduler.queued == 0  # what nobody reads is no work
    for taken in range(1, 4):
        machine.scheduler.take(slow.job)
        machine.go()
        assert len(slow.chunks) == 2 + taken
    expected = rollout(SPEC, walk, 1, range(4), (5 * 32,))["values"]
    made = np.concatenate([c.arrays["values"] for c in slow.chunks], axis=1)
    assert made.tobytes() == expected.tobytes()


@pytest.mark.parametrize("steps", [1, 5, 8, 32, 48])
def test_chunks_of_a_stream_begin_at_the_same_steps_however_long_a_tick_is(steps: int):
    machine = Machine(ROWS, steps)
    asked = machine.ask(Request(1, 3, 150, start=40, ahead=100))
    machine.go()
    assert [c.start for c in asked.chunks] == [40, 64, 96, 128]
    made = np.concatenate([c.arrays["values"] for c in asked.chunks], axis=1)
    assert made.tobytes() == rollout(SPEC, walk, 1, range(3), (150,))["values"][:, 40:].tobytes()


def test_no_tick_is_larger_than_it_may_be_and_a_full_line_fills_it():
    machine = Machine(ROWS, STEPS)
    random = np.random.default_rng(3)
    for seed in range(300):
        machine.ask(Request(seed, int(random.integers(1, 40)), int(random.integers(1, 50))))
    machine.go()
    assert all(rows <= ROWS and steps <= 4 * STEPS for rows, steps in machine.ticks)
    assert all(steps <= STEPS or rows * steps <= ROWS * STEPS / 2 for rows, steps in machine.ticks)
    assert np.mean([rows for rows, _ in machine.ticks]) > 0.8 * ROWS


def test_a_stream_is_what_it_is_beside_requests_that_go_further():
    machine = Machine(ROWS, STEPS, rate=500_000.0)
    stream = machine.ask(Request(1, 1, 150, ahead=100))
    whole = [machine.ask(Request(seed, 1, 40 + 30 * seed)) for seed in (2, 3)]
    machine.go()
    for asked in (stream, *whole):
        request = asked.request
        made = np.concatenate([c.arrays["values"] for c in asked.chunks], axis=1)
        wanted = rollout(SPEC, walk, request.seed, range(request.count), (request.length or 0,))
        assert made.tobytes() == wanted["values"].tobytes()


def test_few_rows_go_further_in_a_tick_but_no_stream_does():
    furthest = []
    for ahead in (None, 100):
        machine = Machine(ROWS, STEPS)
        assert machine.ask(Request(1, 2, 100, ahead=ahead)) is not None
        machine.go()
        furthest.append(max(steps for _, steps in machine.ticks))
    assert furthest == [4 * STEPS, STEPS]


def test_a_tick_ends_where_a_row_does_if_that_wastes_little():
    """Rows of 20, 41, … steps: with ticks of 64 whatever is left of them, a quarter would be padding."""
    machine = Machine(64, 64, rate=500_000.0)
    lengths = [20 + 37 * n % 181 for n in range(200)]
    for seed, length in enumerate(lengths):
        machine.ask(Request(seed, 1 + seed % 4, length))
    machine.go()
    work = sum((1 + n % 4) * length for n, length in enumerate(lengths))
    made = sum(rows * steps for rows, steps in machine.ticks)
    assert made < 1.1 * work
    assert made + len(machine.ticks) * 200 < 1.35 * work  # with what each costs besides, .4 ms
