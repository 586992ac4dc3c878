"""What is counted of requests, and who is blamed."""

import pytest

from pi_server.domain.faults import (
    Busy,
    CallTimeout,
    Fault,
    InternalFault,
    NotFound,
    ProviderFault,
    ServiceDisabled,
    ServiceQuarantined,
    TooManyRequests,
)
from pi_server.domain.measured import BOUNDS, CODES, Blame, Tallies, Tally, Times, blame_of


def _caused(fault: Fault, cause: BaseException) -> Fault:
    try:
        raise fault from cause
    except Fault as raised:
        return raised


@pytest.mark.parametrize(
    ("fault", "blame"),
    [
        (NotFound(), "consumer"),
        (TooManyRequests(), "consumer"),
        (InternalFault(), "us"),
        (Busy(), "us"),
        (CallTimeout(), "us"),
        (ServiceQuarantined(), "us"),
        (ServiceDisabled(), "operator"),
        (_caused(Fault("provider_failed", 502, "Failed."), ProviderFault("status", "503")), "provider"),
        (_caused(CallTimeout(), ProviderFault("timeout", "no answer")), "provider"),
        (_caused(Fault("no_funds", 409, "No funds."), ProviderFault("fault", "no funds")), "consumer"),
    ],
)
def test_blame(fault: Fault, blame: Blame) -> None:
    """Below 500 the consumer; else the provider that failed on the way, or the operator who switched off; else us."""
    assert blame_of(fault) == blame


def test_times_are_counted_by_class() -> None:
    """A bound belongs to the class below it; there is a class above the last."""
    times = Times()
    for seconds in (0.0, BOUNDS[0], BOUNDS[-1], BOUNDS[-1] + 1):
        times.add(seconds)
    assert times.classes == [2, *[0] * (len(BOUNDS) - 2), 1, 1]
    assert times.seconds == pytest.approx(BOUNDS[0] + 2 * BOUNDS[-1] + 1)


def test_codes_that_are_made_up_are_bounded() -> None:
    """A plugin that puts a number into its codes does not fill the memory."""
    tally = Tally("shop", "/shop/{id}", "GET")
    for number in range(10 * CODES):
        tally.refused(f"code_{number}")
    assert sum(tally.codes.values()) == 10 * CODES
    assert len(tally.codes) == CODES + 1


def test_an_operation_that_is_mounted_again_goes_on_counting() -> None:
    """The tally of a place is one."""
    tallies = Tallies()
    assert tallies.of("shop", "/shop", "GET") is tallies.of("shop", "/shop", "GET")
    assert len(list(tallies.all())) == 1
