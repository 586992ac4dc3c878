"""What is counted of one provider."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pi_server.domain.exchange import Endpoint
from pi_server.domain.standing import RECENT, Standing
from pi_server.testing import FakeClock

BANK = Endpoint("http://bank.example", "bank", "core bank")


def test_before_the_first_exchange_there_is_no_latency() -> None:
    """None, not 0: nobody has measured."""
    assert Standing(BANK).latency(0.5) is None


@given(st.lists(st.floats(0, 100), min_size=1, max_size=50), st.floats(0, 1))
def test_a_share_of_the_exchanges_was_that_quick(took: list[float], share: float) -> None:
    """So many took at most so long, and it is a time that was measured."""
    standing = Standing(BANK)
    standing.latencies.extend(took)
    found = standing.latency(share)
    assert found in took
    assert sum(1 for seconds in took if seconds <= found) >= share * len(took) - 1e-9


def test_the_median_and_the_slow_end() -> None:
    """Of a hundred different times."""
    standing = Standing(BANK)
    standing.latencies.extend(range(100, 0, -1))
    assert [standing.latency(share) for share in (0, 0.5, 0.95, 1)] == [1, 50, 95, 100]


def test_only_the_last_ones_count() -> None:
    """A server that runs for years remembers no more than one that runs for minutes."""
    standing = Standing(BANK)
    standing.latencies.extend(range(3 * RECENT))
    assert standing.latency(0) == 2 * RECENT


def test_the_last_fault_says_when_how_and_in_which_call() -> None:
    """So its line in the error log can be found."""
    clock = FakeClock()
    standing = Standing(BANK, wall=clock.wall)
    standing.fail("unreachable", "one")
    clock.advance(60)
    standing.fail("timeout", "two")
    assert standing.failed == 2
    assert standing.last_fault == (clock.wall(), "timeout", "two")


@pytest.mark.parametrize("kind", ["breaker_open", "queue_full", "paced"])
def test_refusals_are_counted_by_their_kind(kind: str) -> None:
    """What was not let out is no exchange."""
    standing = Standing(BANK)
    refused = standing.refused(kind, "made up", retry_after=1.5)  # type: ignore[arg-type]
    assert (refused.kind, refused.sent, refused.retry_after) == (kind, False, 1.5)
    assert (standing.refusals, standing.exchanges) == ({kind: 1}, 0)
