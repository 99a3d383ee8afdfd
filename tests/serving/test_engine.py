"""An engine's bounds follow from what the machine gives."""

from serving.engine import queue_limit
from serving.settings import Settings


def test_so_much_may_wait_as_is_made_in_the_time_that_may_be_waited():
    settings = Settings(max_wait=4, max_row_steps=1000)
    assert queue_limit(settings, 500_000.0) == 2_000_000
    assert queue_limit(settings, 60_000.0) == 240_000


def test_one_of_the_largest_requests_can_always_wait():
    assert queue_limit(Settings(max_wait=4, max_row_steps=10**6), 60_000.0) == 10**6


def test_a_number_of_row_steps_is_taken_as_it_is():
    assert queue_limit(Settings(max_queue=7), 500_000.0) == 7
