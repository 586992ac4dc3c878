"""From what a provider did to what the consumer is told."""

import typing

import pytest
from pydantic import ValidationError

from pi_server.domain.faults import ProviderFailure, ProviderFault, Refused
from pi_server.domain.status_map import DEFAULTS, StatusMap

MAP = StatusMap.model_validate(
    {
        "faults": [
            {
                "when": {"provider": "bank", "fault": "CLOSED"},
                "then": {"code": "closed", "status": 409, "message": "Closed."},
            },
            {"when": {"status": 404}, "then": {"code": "missing", "status": 404, "message": "Missing."}},
            {"when": {"kind": "timeout"}, "then": {"code": "slow", "status": 503, "message": "Slow."}},
        ]
    }
)


@pytest.mark.parametrize(
    ("provider", "fault", "code", "status"),
    [
        ("bank", ProviderFault("fault", "x", status=500, names=("Sender", "CLOSED")), "closed", 409),
        ("shop", ProviderFault("fault", "x", status=500, names=("CLOSED",)), "provider_fault", 502),
        ("shop", ProviderFault("status", "x", status=404), "missing", 404),
        ("bank", ProviderFault("timeout", "x"), "slow", 503),
        ("bank", ProviderFault("unreachable", "x"), "provider_unreachable", 502),
    ],
)
def test_the_first_rule_whose_conditions_all_hold_decides(
    provider: str, fault: ProviderFault, code: str, status: int
) -> None:
    """Rules are tried in order; what none foresees gets the default of its kind."""
    translated = MAP.translate(provider, fault)
    assert (translated.code, translated.status) == (code, status)


def test_the_default_answers_cover_every_kind_of_failure() -> None:
    """A new kind of provider failure cannot be forgotten here."""
    assert set(DEFAULTS) == set(typing.get_args(ProviderFailure))
    assert all(then.status >= 502 for then in DEFAULTS.values())


def test_what_no_rule_foresaw_is_counted() -> None:
    """The operator can see which rules are missing."""
    rules = StatusMap()
    for _ in range(2):
        rules.translate("bank", ProviderFault("fault", "x", names=("Sender", "NEW")))
    rules.translate("bank", ProviderFault("status", "x", status=500))
    assert rules.unmatched == {"bank fault Sender/NEW": 2, "bank status 500": 1}


@pytest.mark.parametrize(
    ("kind", "left", "told"),
    [("breaker_open", 4.2, "5"), ("queue_full", 0.0, "1"), ("paced", 60, "60"), ("breaker_open", None, None)],
)
def test_a_refusal_says_when_to_come_back(kind: ProviderFailure, left: float | None, told: str | None) -> None:
    """In whole seconds, at least one; its reason is for the log, and nothing of it counts as unforeseen."""
    rules = StatusMap()
    fault = rules.translate("bank", Refused(kind, "20 exchanges run", retry_after=left))
    assert (fault.status, fault.headers.get("Retry-After"), fault.reason) == (503, told, "20 exchanges run")
    assert not rules.unmatched


def test_a_rule_may_give_a_refusal_another_status() -> None:
    """Only 429 and 503 say when to come back."""
    rules = StatusMap.model_validate(
        {"faults": [{"when": {"kind": "paced"}, "then": {"code": "later", "status": 409, "message": "Later."}}]}
    )
    fault = rules.translate("bank", Refused("paced", "made up", retry_after=3))
    assert (fault.code, fault.status, fault.headers) == ("later", 409, {})


def test_the_providers_own_words_never_reach_the_consumer() -> None:
    """The reason is for the log; only the map's message is told."""
    fault = StatusMap().translate("bank", ProviderFault("fault", "ORA-00942: SECRET_TABLE", names=("SECRET",)))
    assert "SECRET" not in str(fault)


@pytest.mark.parametrize(
    "rule",
    [
        {"when": {"statuz": 1}, "then": {"code": "a", "status": 400, "message": "m"}},
        {"when": {}, "then": {"code": "A b", "status": 400, "message": "m"}},
        {"when": {}, "then": {"code": "a", "status": 200, "message": "m"}},
        {"when": {"kind": "unknown"}, "then": {"code": "a", "status": 400, "message": "m"}},
    ],
)
def test_a_malformed_rule_is_refused(rule: object) -> None:
    """A rule that could never hold, or would answer success, is an error when it is read."""
    with pytest.raises(ValidationError):
        StatusMap.model_validate({"faults": [rule]})
