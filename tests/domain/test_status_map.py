"""From what a provider did to what the consumer is told."""

import typing
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import pytest
from pydantic import ValidationError

from pi_server.domain.faults import ProviderFailure, ProviderFault, Refused
from pi_server.domain.selectors import Path
from pi_server.domain.status_map import DEFAULTS, StatusMap, Then, When
from pi_server.domain.unforeseen import SHAPES

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
    shapes = {shape.when: count for shape, count in rules.unforeseen.counts.items()}
    assert shapes == {'{provider: bank, fault: "NEW"}': 2, "{provider: bank, status: 500}": 1}


def test_the_first_of_a_shape_leaves_a_line_with_the_rule_to_write(caplog: pytest.LogCaptureFixture) -> None:
    """What a provider says again, and what only happened to the exchange, leaves none."""
    rules = StatusMap()
    for kind in ("status", "status", "timeout"):
        rules.translate("bank", ProviderFault(kind, "x", status=418 if kind == "status" else None))
    [line] = [record.getMessage() for record in caplog.records]
    assert "when: {provider: bank, status: 418}" in line
    assert "502 provider_failed" in line


def test_what_a_provider_makes_up_takes_no_more_room_than_it_may() -> None:
    """Beyond the first shapes all are counted as one."""
    rules = StatusMap()
    for number in range(3 * SHAPES):
        rules.translate("bank", ProviderFault("fault", "x", names=(f"F{number}",)))
    counts = rules.unforeseen.counts
    assert (len(counts), sum(counts.values())) == (SHAPES + 1, 3 * SHAPES)


def test_declared_faults_without_a_rule_are_unforeseen() -> None:
    """A rule names a Fault for one provider or for all."""
    MAP.declare("bank", ["CLOSED", "NEW"])
    MAP.declare("shop", ["CLOSED"])
    assert list(MAP.unforeseen.declared) == [("bank", "NEW"), ("shop", "CLOSED")]


@dataclass(frozen=True)
class Said:
    """An answer's body that has one place."""

    text: str = ""
    values: tuple[str, ...] = ()

    def at(self, path: Path, /) -> Iterable[str]:
        """The same values everywhere."""
        return self.values


@pytest.mark.parametrize(
    ("when", "kind", "status", "inside", "holds"),
    [
        ({"status": "5xx"}, "status", 599, None, True),
        ({"status": "5xx"}, "status", 499, None, False),
        ({"status": "500-504"}, "status", 504, None, True),
        ({"status": "500-504"}, "status", 505, None, False),
        ({"status": "404"}, "status", 404, None, True),
        ({"at": "$.code", "is": "E1"}, "business", 200, Said(values=("E1",)), True),
        ({"at": "$.code", "is": ["E0", "E1"]}, "malformed", 200, Said(values=("E1",)), True),
        ({"at": "$.code", "is": 17}, "status", 400, Said(values=("17",)), True),
        ({"at": "$.ok", "is": False}, "business", 200, Said(values=("false",)), True),
        ({"at": "$.code", "is": "E1"}, "business", 200, Said(values=("E2",)), False),
        ({"at": "$.code"}, "business", 200, Said(values=("",)), True),
        ({"at": "$.code"}, "business", 200, Said(), False),
        ({"at": "$.code"}, "timeout", None, None, False),
        ({"text": r"ORA-\d{1,5}"}, "fault", 500, Said("so: ORA-00942!"), True),
        ({"text": r"ORA-\d{1,5}"}, "fault", 500, Said("so: MySQL"), False),
        ({"text": "sorry"}, "business", 200, Said("sorry"), False),
        ({"provider": "bank"}, "business", 200, Said("x", ("E1",)), False),
        ({"kind": "status", "at": "$.code"}, "business", 200, Said(values=("E1",)), False),
    ],
)
def test_each_condition(
    when: dict[str, Any], kind: ProviderFailure, status: int | None, inside: Said | None, holds: bool
) -> None:
    """Statuses in three forms, places in the body and its text; a good answer is refused for a place alone."""
    fault = ProviderFault(kind, "x", status=status)
    fault.inside = inside
    assert When.model_validate(when).holds("bank", fault) is holds


TOLD = {
    "code": "closed",
    "status": 503,
    "texts": {"en": "Closed.", "fa": "بسته است.", "zh-CN": "已关闭。"},
    "retry_after": 60,
}


@pytest.mark.parametrize(
    ("languages", "language"), [("", "en"), ("fa-IR, en;q=0.5", "fa"), ("zh", "zh-CN"), ("de", "en")]
)
def test_the_consumer_is_told_in_a_language_it_reads(languages: str, language: str) -> None:
    """The headers say which it is, that another would be told to others, and when to come back."""
    told = Then.model_validate(TOLD).fault(languages)
    assert told.message == TOLD["texts"][language]  # type: ignore[index] # a literal of several types
    assert told.headers == {"Content-Language": language, "Vary": "Accept-Language", "Retry-After": "60"}
    assert told.retryable is True


@pytest.mark.parametrize(
    ("kind", "left", "told"),
    [("breaker_open", 4.2, "5"), ("queue_full", 0.0, "1"), ("paced", 60, "60"), ("breaker_open", None, None)],
)
def test_a_refusal_says_when_to_come_back(kind: ProviderFailure, left: float | None, told: str | None) -> None:
    """In whole seconds, at least one; its reason is for the log, and nothing of it counts as unforeseen."""
    rules = StatusMap()
    fault = rules.translate("bank", Refused(kind, "20 exchanges run", retry_after=left))
    assert (fault.status, fault.headers.get("Retry-After"), fault.reason) == (503, told, "20 exchanges run")
    assert not rules.unforeseen.counts


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
        {"when": {"status": "6xx"}, "then": {"code": "a", "status": 400, "message": "m"}},
        {"when": {"at": "code"}, "then": {"code": "a", "status": 400, "message": "m"}},
        {"when": {"is": "E1"}, "then": {"code": "a", "status": 400, "message": "m"}},
        {"when": {"at": "$.code", "is": 1.5}, "then": {"code": "a", "status": 400, "message": "m"}},
        {"when": {"text": "(a+)+"}, "then": {"code": "a", "status": 400, "message": "m"}},
        {"when": {}, "then": {"code": "a", "status": 400}},
        {"when": {}, "then": {"code": "a", "status": 400, "message": "m", "texts": {"en": "m"}}},
        {"when": {}, "then": {"code": "a", "status": 400, "texts": {"english!": "m"}}},
    ],
)
def test_a_malformed_rule_is_refused(rule: object) -> None:
    """A rule that could never hold, or would answer success, is an error when it is read."""
    with pytest.raises(ValidationError):
        StatusMap.model_validate({"faults": [rule]})
