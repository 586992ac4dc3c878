"""The clock that a test moves."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from pi_server.audit.stamp import Stamp, api_form
from pi_server.domain.deadline import Deadline
from pi_server.testing import FakeClock


def test_time_stands_still_until_it_is_moved() -> None:
    """Monotonic and wall time move together, and only by hand."""
    clock = FakeClock()
    start = clock.wall()
    assert (clock(), clock()) == (0, 0)
    clock.advance(1.5)
    clock.advance(0)
    assert clock() == 1.5
    assert clock.wall() - start == 1.5
    assert clock.now() == datetime(2026, 1, 1, 0, 0, 1, 500_000, tzinfo=UTC)


def test_a_deadline_passes_on_it() -> None:
    """A deadline is met without waiting."""
    clock = FakeClock()
    deadline = Deadline().within(3, clock())
    clock.advance(2.999)
    assert not deadline.passed(clock())
    clock.advance(0.001)
    assert deadline.passed(clock())


def test_a_stamp_tells_its_wall_time() -> None:
    """What takes a clock for the time of day takes ``clock.wall``."""
    clock = FakeClock(datetime(2026, 7, 1, 12, tzinfo=timezone(timedelta(hours=2))))
    stamp = Stamp(api_form, "UTC", clock.wall)
    clock.advance(0.25)
    assert stamp() == "2026-07-01 10:00:00,250"


def test_impossible_times_are_refused() -> None:
    """Time does not go back, and a time of day has a zone."""
    with pytest.raises(ValueError, match="back"):
        FakeClock().advance(-1)
    with pytest.raises(ValueError, match="zone"):
        FakeClock(datetime(2026, 1, 1))  # noqa: DTZ001 - that is the point
