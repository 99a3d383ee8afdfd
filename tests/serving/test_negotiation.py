"""Accept against what there is, as RFC 9110 says."""

import pytest

from serving.errors import NotAcceptable
from serving.negotiation import choose

OFFERED = ("application/json", "application/x-npy", "text/csv")


@pytest.mark.parametrize(
    ("accept", "chosen"),
    [
        (None, "application/json"),
        ("", "application/json"),
        ("*/*", "application/json"),
        ("text/csv", "text/csv"),
        ("TEXT/CSV; charset=utf-8", "text/csv"),
        ("text/*", "text/csv"),
        ("application/*;q=0.2, text/csv;q=0.1", "application/json"),
        ("text/html, application/x-npy;q=0.5, */*;q=0.1", "application/x-npy"),
        ("application/json;q=0, */*", "application/x-npy"),
        ("application/json;q=rubbish, text/csv;q=0.1", "text/csv"),
        ("application/json;q=nan, text/csv;q=0.1", "text/csv"),
        ("application/json;q=inf, application/x-npy;q=1.5, text/csv;q=0.1", "text/csv"),
    ],
)
def test_the_best_of_what_is_accepted_is_chosen(accept: str | None, chosen: str):
    assert choose(accept, OFFERED) == chosen


@pytest.mark.parametrize("accept", ["audio/wav", "application/json;q=0", ",;"])
def test_nothing_accepted_is_an_error_that_lists_the_offer(accept: str):
    with pytest.raises(NotAcceptable, match="application/json, application/x-npy, text/csv"):
        choose(accept, OFFERED)
