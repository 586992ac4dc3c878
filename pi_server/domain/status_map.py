"""From what a provider did to what the consumer is told, as data.

A package's ``files/faults.yaml``:

    faults:
      - when: {fault: INSUFFICIENT}
        then: {code: insufficient_funds, status: 409, message: The account does not hold this amount.}
      - when: {provider: market, at: $.error.code, is: [E17, E18]}
        then:
          code: market_closed
          status: 503
          retry_after: 60
          texts: {en: The market is closed., fa: بازار بسته است.}

Rules are tried in order and all conditions of one must hold; what no rule matches gets the default of its kind.
"""

import re
from collections.abc import Iterable
from math import ceil
from typing import Annotated, Any, Self, cast

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    PlainValidator,
    PrivateAttr,
    StringConstraints,
    model_validator,
)

from pi_server.domain.faults import Fault, ProviderFailure, ProviderFault, Refused, Unrecorded
from pi_server.domain.languages import chosen
from pi_server.domain.selectors import Path, expression, selector
from pi_server.domain.unforeseen import Unforeseen

_STATUSES = re.compile(r"([1-5])xx|([1-5]\d\d)(?:-([1-5]\d\d))?")


def _span(statuses: int | str) -> range:
    match = _STATUSES.fullmatch(str(statuses))
    if not match:
        raise ValueError("must be a status (404), a class of them (5xx) or a range (500-504)")
    first = int(match[2] or f"{match[1]}00")
    return range(first, 1 + int(match[3] or (first if match[2] else first + 99)))


def _statuses(given: Any) -> Any:
    _span(given)
    return given


def _selector(text: str) -> str:
    selector(text)
    return text


def _expression(text: str) -> str:
    expression(text)
    return text


def _values(given: Any) -> Any:
    """Texts to compare with; a number has to be one that is written in only one way."""
    values = tuple(cast("list[Any]", given)) if isinstance(given, list | tuple) else (given,)
    if not values or not all(isinstance(value, str | int) for value in values):
        raise ValueError("must be a text or a list of texts; put a number with a point in quotes")
    return tuple(str(value).lower() if isinstance(value, bool) else str(value) for value in values)


class When(BaseModel):
    """The conditions of a rule: those given must all hold.

    ``at`` is a place in the answer's body, and ``values`` (in a file: ``is``) are those meant there; without them any
    is.  ``text`` is searched in the body's text.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", validate_by_name=True, validate_by_alias=True)

    provider: str | None = None
    kind: ProviderFailure | None = None
    status: Annotated[int | str, PlainValidator(_statuses)] | None = None
    fault: str | None = None
    at: Annotated[str, AfterValidator(_selector)] | None = None
    values: Annotated[tuple[str, ...], PlainValidator(_values)] = Field(default=(), alias="is")
    text: Annotated[str, AfterValidator(_expression)] | None = None
    _span: range | None = PrivateAttr(default=None)
    _at: Path | None = PrivateAttr(default=None)
    _text: re.Pattern[str] | None = PrivateAttr(default=None)

    @model_validator(mode="after")
    def _compile(self) -> Self:
        if self.values and self.at is None:
            raise ValueError("`is` needs `at`, the place where the values stand")
        self._span = None if self.status is None else _span(self.status)
        self._at = None if self.at is None else selector(self.at)
        self._text = None if self.text is None else expression(self.text)
        return self

    def holds(self, provider: str, fault: ProviderFault) -> bool:
        """Whether this rule speaks of what ``provider`` did."""
        return (
            self.provider in (None, provider)
            and self.kind in (None, fault.kind)
            and (self._span is None or fault.status in self._span)
            and (self.fault is None or self.fault in fault.names)
            and self._holds_inside(fault)
        )

    def _holds_inside(self, fault: ProviderFault) -> bool:
        """Whether the body is as this rule wants it; a refusal within a good answer is known by its place alone."""
        if self._at is None and (self._text is None or fault.kind == "business"):
            return fault.kind != "business"
        if fault.inside is None:
            return False
        if self._text is not None and not self._text.search(fault.inside.text):
            return False
        return self._at is None or any(not self.values or it in self.values for it in fault.inside.at(self._at))


class Then(BaseModel):
    """What the consumer is told: one ``message``, or ``texts`` by language, of which the first is for all others.

    ``retryable`` says whether asking again may help, ``retry_after`` after how many seconds.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    code: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    status: int = Field(ge=400, le=599)
    message: str = ""
    texts: dict[
        Annotated[str, StringConstraints(pattern=r"^[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*$")],
        Annotated[str, StringConstraints(min_length=1)],
    ] = {}
    retryable: bool | None = None
    retry_after: int | None = Field(default=None, ge=1, le=86_400)

    @model_validator(mode="after")
    def _one_text(self) -> Self:
        if bool(self.message) == bool(self.texts):
            raise ValueError("needs either `message` or `texts`")
        return self

    def fault(self, languages: str = "", declared: BaseModel | None = None) -> Fault:
        """The fault to raise, in the language that is preferred in ``languages``, as in Accept-Language."""
        headers: dict[str, str] = {}
        message = self.message
        if self.texts:
            headers["Content-Language"] = language = chosen(languages, tuple(self.texts))
            headers["Vary"] = "Accept-Language"
            message = self.texts[language]
        if self.retry_after:
            headers["Retry-After"] = str(self.retry_after)
        told = Fault(self.code, self.status, message, declared=declared, headers=headers)
        told.retryable = True if self.retry_after else self.retryable
        return told


class Rule(BaseModel):
    """One line of the map."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    when: When
    then: Then


DEFAULTS: dict[ProviderFailure, Then] = {
    "unreachable": Then(code="provider_unreachable", status=502, message="The provider could not be reached."),
    "timeout": Then(code="provider_timeout", status=504, message="The provider did not answer in time."),
    "cancelled": Then(code="cancelled", status=503, message="The call was given up before the provider answered."),
    "malformed": Then(code="provider_malformed", status=502, message="The provider's answer could not be read."),
    "too_large": Then(code="provider_too_large", status=502, message="The provider's answer was too large."),
    "status": Then(code="provider_failed", status=502, message="The provider answered with an error."),
    "fault": Then(code="provider_fault", status=502, message="The provider refused the request."),
    "breaker_open": Then(code="provider_suspended", status=503, message="The provider failed too often; try later."),
    "queue_full": Then(code="provider_busy", status=503, message="The provider is busy; try again in a moment."),
    "paced": Then(code="provider_paced", status=503, message="The provider takes no more requests now; try later."),
    "business": Then(code="provider_fault", status=502, message="The provider refused the request."),  # has its rule
    "no_access": Then(code="provider_no_access", status=502, message="The server was not let in at the provider."),
    "unprepared": Then(code="provider_unprepared", status=502, message="The sandbox has no answer to this."),
    "unrecorded": Then(code=Unrecorded.code, status=Unrecorded.status, message=Unrecorded.message),
}


class StatusMap(BaseModel):
    """The rules of one service; `unforeseen` counts what they do not speak of."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    faults: tuple[Rule, ...] = ()
    _unforeseen: Unforeseen = PrivateAttr(default_factory=Unforeseen)

    @property
    def unforeseen(self) -> Unforeseen:
        """What was translated by the default of its kind."""
        return self._unforeseen

    def looks_inside(self, provider: str) -> bool:
        """Whether a rule asks what is in the body of an answer of ``provider``, be it a good one."""
        return any((rule.when.at or rule.when.text) and rule.when.provider in (None, provider) for rule in self.faults)

    def declare(self, provider: str, faults: Iterable[str]) -> None:
        """Take note of the Faults that ``provider`` declares: those that no rule names are unforeseen."""
        named = {rule.when.fault for rule in self.faults if rule.when.provider in (None, provider)}
        self._unforeseen.declared |= {(provider, fault): None for fault in faults if fault not in named}

    def rule(self, provider: str, fault: ProviderFault) -> Rule | None:
        """The first rule that speaks of ``fault``."""
        return next((rule for rule in self.faults if rule.when.holds(provider, fault)), None)

    def then(self, provider: str, fault: ProviderFault) -> Then:
        """What to tell the consumer about ``fault``, without counting it."""
        rule = self.rule(provider, fault)
        return rule.then if rule else DEFAULTS[fault.kind]

    def translate(self, provider: str, fault: ProviderFault, languages: str = "", correlation_id: str = "") -> Fault:
        """The fault to raise for what ``provider`` did, or a policy in its place, in a language its consumer reads."""
        then = self.then(provider, fault)
        told = then.fault(languages, fault.declared)
        if isinstance(fault, Refused):
            told.reason, told.headers = fault.reason, {**_retry_after(then, fault), **told.headers}
        elif then is DEFAULTS[fault.kind]:
            self._unforeseen.count(provider, fault, f"{then.status} {then.code}", correlation_id)
        return told


def _retry_after(then: Then, fault: Refused) -> dict[str, str]:
    """When to come back, as a header: in whole seconds, and only in answers that may say so."""
    if fault.retry_after is None or then.status not in (429, 503):
        return {}
    return {"Retry-After": str(max(1, ceil(fault.retry_after)))}
