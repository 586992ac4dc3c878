"""The outbound link that tries again, entered only after a first failure."""

import asyncio
import random
from collections.abc import Callable
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from pi_server.domain.exchange import Exchange, Send
from pi_server.domain.faults import ProviderFault, Refused
from pi_server.domain.message import WireResponse
from pi_server.domain.policy import RetryPolicy
from pi_server.domain.standing import Standing
from pi_server.providers.tries import Outcome, answer_of, may_follow, outcome_of, told


def retry(policy: RetryPolicy, standing: Standing) -> Callable[[Send], Send]:
    """Follow a failed try by others, where `may_follow` allows it and time is left.

    A pause that would not end before the deadline is not begun: the failure is told at once.  So is the last failure
    when a policy refuses another try, for the consumer should hear why the provider failed.
    """

    def link(send: Send) -> Send:
        clock = asyncio.get_running_loop().time
        statuses = policy.statuses

        async def tried(exchange: Exchange) -> WireResponse:
            outcome = await outcome_of(send, exchange)
            if isinstance(outcome, WireResponse) and outcome.status not in statuses:
                return outcome
            return answer_of(await again(exchange, outcome))

        async def again(exchange: Exchange, outcome: Outcome) -> Outcome:
            for number in range(policy.times if exchange.repeatable or policy.unsent else 0):
                pause = _pause(policy, number, outcome)
                if not may_follow(exchange, outcome, statuses) or exchange.deadline.passed(clock() + pause):
                    break
                await asyncio.sleep(pause)
                standing.retries += 1
                standing.decide("retry", f"{told(outcome)}, {pause:.3f} s ago", exchange.call.correlation_id)
                following = await outcome_of(send, exchange.again(clock()))
                if isinstance(following, Refused):
                    break
                outcome = following
            return outcome

        return tried

    return link


def _pause(policy: RetryPolicy, number: int, outcome: Outcome) -> float:
    """Seconds before the try after this outcome: random, so that those who failed together do not return together."""
    longest = min(policy.longest, policy.pause * 2**number)
    wanted = 0.0 if isinstance(outcome, ProviderFault) else retry_after(outcome, datetime.now(UTC))
    return max(random.uniform(0, longest), wanted)  # noqa: S311 - no secret depends on it


def retry_after(response: WireResponse, now: datetime) -> float:
    """The seconds that an answer asks to wait, given as a number or as a date; 0 when it does not, or unreadably."""
    wanted = response.header("Retry-After").strip()
    if wanted.isascii() and wanted.isdigit():
        return float(wanted[:9])
    try:
        return max(0.0, (parsedate_to_datetime(wanted) - now).total_seconds())
    except (TypeError, ValueError, OverflowError):  # no date, or one without its zone
        return 0.0
