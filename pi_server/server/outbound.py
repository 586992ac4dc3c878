"""The outbound chain as configured: what stands between a service's field and its provider.

policies (`pi_server.providers.policies`) > trail, where a plugin has an operation that is `once` > traced, or
spanned where spans are sent > mark, where a twin can answer > API log > that twin > transport
"""

from __future__ import annotations

import logging
from contextlib import AsyncExitStack
from dataclasses import replace
from datetime import UTC, datetime
from hashlib import sha256
from typing import TYPE_CHECKING

from pi_server.auth.known_secrets import known_digests
from pi_server.domain.alert import Alert, unheard
from pi_server.domain.chain import Chain
from pi_server.domain.decision import Decision, unnoted
from pi_server.providers.build import SETTINGS, build_provider
from pi_server.providers.spanned import spanned
from pi_server.providers.traced import traced
from pi_server.providers.trail import trail

if TYPE_CHECKING:
    from collections.abc import Callable

    from pi_server.audit.api_log import ApiLog
    from pi_server.discovery.bind import ProviderPlan
    from pi_server.domain.exchange import Send
    from pi_server.domain.span import Record
    from pi_server.domain.standing import Standing
    from pi_server.domain.turn import Turn
    from pi_server.domain.unforeseen import Unforeseen
    from pi_server.providers.provider import Provider
    from pi_server.providers.settings import ProviderSettings
    from pi_server.server.sandbox.twins import Twins

_log = logging.getLogger("pi_server.server")


class Outbound:
    """Builds the providers of one worker; ``standings`` tell how it stands with each, by ``service.field``.

    ``unforeseen`` is what no rule of a service speaks of.
    """

    def __init__(
        self,
        opened: AsyncExitStack,
        twins: Twins,
        api_log: ApiLog | None = None,
        turn: Turn | None = None,
        alert: Callable[[Alert], None] = unheard,
        note: Callable[[Decision], None] = unnoted,
        spans: Record | None = None,
    ) -> None:
        """``opened`` closes them; ``turn`` is that of the API log, and ``alert`` hears when one fails.

        ``note`` hears what policies decide; ``spans`` takes those of exchanges.

        Without an API log none is ever asked, and nothing is opened for any.
        """
        self.standings: dict[str, Standing] = {}
        self.unforeseen: dict[str, Unforeseen] = {}
        self._opened = opened
        self._closings: dict[str, AsyncExitStack] = {}
        self._twins = twins
        self._api_log = api_log
        self._turn = turn
        self._alert = alert
        self._note = note
        self._spans = spans

    async def provider(self, plan: ProviderPlan) -> Provider:
        """The provider of one field; ValueError, or OSError, when it cannot be built."""
        settings = SETTINGS[plan.kind].model_validate(dict(plan.section))
        _check_secrets(settings)
        settings = self._twins.check(settings)
        provider = await build_provider(
            settings,
            files=plan.package,
            field_name=plan.field,
            status_map=plan.status_map,
            links=await self._links(plan, settings),
            messages=plan.messages,
            turn=self._turn,
        )
        self._of(plan.service).push_async_callback(provider.close)
        self._go_on(plan, provider.standing)
        provider.standing.alert = lambda alert: self._alert(replace(alert, subject=f"{plan.service}.{alert.subject}"))
        provider.standing.note = self._note
        self.standings[f"{plan.service}.{plan.field}"] = provider.standing
        return provider

    def _go_on(self, plan: ProviderPlan, standing: Standing) -> None:
        """Count on from what was before, where a service is made anew."""
        name, unforeseen = f"{plan.service}.{plan.field}", plan.status_map.unforeseen
        if before := self.standings.get(name):
            standing.go_on(before)
        if known := self.unforeseen.get(plan.service):
            unforeseen.seen = known.seen
        self.unforeseen[plan.service] = unforeseen

    def handed_over(self, service: str) -> AsyncExitStack:
        """What closes the providers of a service, for whoever ends it before the server does."""
        return self._closings.pop(service, AsyncExitStack()).pop_all()

    def _of(self, service: str) -> AsyncExitStack:
        """What is closed with a service, or else with the server."""
        if service not in self._closings:
            self._closings[service] = AsyncExitStack()
            self._opened.push_async_callback(self._closings[service].aclose)
        return self._closings[service]

    def warn(self) -> None:
        """Tell in the log what an operator should know."""
        for warning in self.warnings():
            _log.warning("%s", warning)

    def warnings(self) -> list[str]:
        """What an operator should know of the providers before the first call, each with the key it is about."""
        now = datetime.now(UTC)
        return [f"services.{name}.{told}" for name, one in self.standings.items() for told in one.warnings(now)]

    async def _links(self, plan: ProviderPlan, settings: ProviderSettings) -> Chain[Send]:
        """The links inside of the policies, the API log around whatever answers."""
        links: Chain[Send] = Chain(trail) if plan.once else Chain()
        if self._spans:
            links = links.append(spanned(self._spans, f"{plan.service}.{plan.field}", pass_on=settings.traceparent))
        elif settings.traceparent:
            links = links.append(traced)
        if self._api_log is None:
            return links
        log = self._api_log.link(
            plan.api_level, lambda fault: plan.status_map.then(plan.field, fault).status, settings.secret_headers
        )
        twin = await self._twins.twin(plan, settings, self._of(plan.service))
        return links.append(twin.mark, log, twin.answer) if twin else links.append(log)


def _check_secrets(settings: ProviderSettings) -> None:
    """Refuse what everybody knows; how long a secret is, the provider decides."""
    known = [
        name
        for name, secret in settings.secrets.items()
        if sha256(secret.get_secret_value().encode()).hexdigest() in known_digests()
    ]
    if known:
        raise ValueError(f"everybody knows the value of {', '.join(known)}; have the provider give out another")
