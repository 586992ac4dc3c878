"""The log of decisions: what a policy decided, and nothing of a call nobody decided about."""

import json
from typing import Any

import pytest

from pi_server.audit.decisions import DecisionLines, Kept
from pi_server.audit.mask import Mask
from pi_server.domain.decision import Decided, Decision

EVERY: tuple[Decided, ...] = ("retry", "failover", "queued", "waited", "refused", "probe", "opened", "closed")


def _written(*decisions: Decision, kept: Kept = "all") -> list[dict[str, Any]]:
    lines: list[bytes] = []
    log = DecisionLines(lines.append, Mask(), kept=kept, timezone="UTC", clock=lambda: 1_800_000_000.0)
    for decision in decisions:
        log.record(decision)
    assert all(line.count(b"\n") == 1 for line in lines)
    return [json.loads(line) for line in lines]


def test_a_decision_is_one_line_of_json() -> None:
    """Time, provider, decision, call and reason."""
    (told,) = _written(Decision("bank", "retry", "unreachable: refused, 0.100 s ago", "abc"))
    assert told.pop("time").startswith("2027-01-15T08:00:00")
    assert told == {
        "provider": "bank",
        "decision": "retry",
        "correlationId": "abc",
        "reason": "unreachable: refused, 0.100 s ago",
    }


def test_secrets_and_line_breaks_of_a_provider_stay_out() -> None:
    """A reason holds what a provider said: it is masked, and begins no line."""
    (told,) = _written(Decision("bank", "retry", 'malformed: {"password": "CANARY0"}\nforged\u2028line'))
    assert "CANARY0" not in told["reason"]


@pytest.mark.parametrize(("kept", "decided"), [("all", EVERY), ("refused", ("refused", "opened", "closed"))])
def test_the_level_chooses(kept: Kept, decided: tuple[Decided, ...]) -> None:
    """`refused` keeps what kept an exchange from its provider."""
    told = _written(*(Decision("bank", one, "made up") for one in EVERY), kept=kept)
    assert tuple(one["decision"] for one in told) == decided
