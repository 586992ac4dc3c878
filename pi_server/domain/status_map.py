"""From what a provider did to what the consumer is told, as data.

A package's ``files/faults.yaml``:

    faults:
      - when: {fault: INSUFFICIENT}
        then: {code: insufficient_funds, status: 409, message: The account does not hold this amount.}
      - when: {provider: bank, status: 404}
        then: {code: no_such_account, status: 404, message: There is no such account.}

Rules are tried in order and all conditions of one must hold; what no rule matches gets the default of its kind.
"""

from math import ceil

from pydantic import BaseModel, ConfigDict, Field, PrivateAttr

from pi_server.domain.faults import Fault, ProviderFailure, ProviderFault, Refused


class When(BaseModel):
    """The conditions of a rule: those given must all hold."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    provider: str | None = None
    kind: ProviderFailure | None = None
    status: int | None = Field(default=None, ge=100, le=599)
    fault: str | None = None

    def holds(self, provider: str, fault: ProviderFault) -> bool:
        """Whether this rule speaks of what ``provider`` did."""
        return (
            self.provider in (None, provider)
            and self.kind in (None, fault.kind)
            and self.status in (None, fault.status)
            and (self.fault is None or self.fault in fault.names)
        )


class Then(BaseModel):
    """What the consumer is told."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    code: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    status: int = Field(ge=400, le=599)
    message: str = Field(min_length=1)


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
    "no_access": Then(code="provider_no_access", status=502, message="The server was not let in at the provider."),
}


class StatusMap(BaseModel):
    """The rules of one service; `unmatched` counts what its rules did not foresee, by provider and name."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    faults: tuple[Rule, ...] = ()
    _unmatched: dict[str, int] = PrivateAttr(default_factory=dict[str, int])

    @property
    def unmatched(self) -> dict[str, int]:
        """How often each unforeseen failure was translated by its default."""
        return dict(self._unmatched)

    def then(self, provider: str, fault: ProviderFault) -> Then:
        """What to tell the consumer about ``fault``, without counting it."""
        return next((rule.then for rule in self.faults if rule.when.holds(provider, fault)), DEFAULTS[fault.kind])

    def translate(self, provider: str, fault: ProviderFault) -> Fault:
        """The fault to raise for what ``provider`` did, or for what a policy did in its place."""
        then = self.then(provider, fault)
        if isinstance(fault, Refused):
            return Fault(then.code, then.status, then.message, headers=_retry_after(then, fault), reason=fault.reason)
        if then is DEFAULTS[fault.kind]:
            name = f"{provider} {fault.kind} {'/'.join(fault.names) or fault.status or ''}".strip()
            self._unmatched[name] = self._unmatched.get(name, 0) + 1
        return Fault(then.code, then.status, then.message, declared=fault.declared)


def _retry_after(then: Then, fault: Refused) -> dict[str, str]:
    """When to come back, as a header: in whole seconds, and only in answers that may say so."""
    if fault.retry_after is None or then.status not in (429, 503):
        return {}
    return {"Retry-After": str(max(1, ceil(fault.retry_after)))}
