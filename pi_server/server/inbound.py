"""The inbound chain as configured: the links that always stand, and those a named chain adds.

    where spans are sent: spanned; where metrics are told: measured
    correlation > security_headers > cors > session_cookie > access_log > recovery > in_flight > sandbox > address rate
    then, of a named chain: credentials > csrf > gzip > consumer rate > operation rate > other packages' links
    then those of the service and of the operation, and around an operation that is once: idempotency

The order is the server's.  Nothing another package offers stands before the credentials, or outside the log and
recovery; and no consumer is served without a credential unless its operation is public.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

from pi_server.config import Config, ConfigError, LoadedConfig, Problem
from pi_server.config.consumer_sections import CREDENTIALS
from pi_server.discovery.middlewares import Link, installed_middlewares, load_middleware
from pi_server.discovery.plugin import Failure, PluginError
from pi_server.domain.chain import Chain
from pi_server.domain.envelope import Envelope
from pi_server.domain.measured import Tallies
from pi_server.domain.mount import Mount
from pi_server.domain.ports import AccessLog
from pi_server.server.trust import Trust
from pi_server.stores.rate_counters import RateCounters
from pi_server.web.application import Links
from pi_server.web.body import Patience
from pi_server.web.endpoint import Handler
from pi_server.web.middleware.access_log import access_log
from pi_server.web.middleware.correlation import correlation
from pi_server.web.middleware.cors import Permission, cors
from pi_server.web.middleware.credentials import Credential, credentials, token_credential
from pi_server.web.middleware.csrf import csrf, form_token
from pi_server.web.middleware.gzip import gzip
from pi_server.web.middleware.idempotency import idempotency
from pi_server.web.middleware.in_flight import in_flight
from pi_server.web.middleware.jwt import jwt_credential
from pi_server.web.middleware.measured import measured
from pi_server.web.middleware.rate_limit import by_address, by_consumer, by_operation, rate_limit
from pi_server.web.middleware.recovery import recovery
from pi_server.web.middleware.sandbox import sandbox
from pi_server.web.middleware.security_headers import security_headers
from pi_server.web.middleware.session import session_cookie, session_credential
from pi_server.web.middleware.spanned import spanned
from pi_server.web.once.ledger import Ledger

if TYPE_CHECKING:
    from pi_server.server.spans import Spans

Measure = Callable[[Mount | None], Chain[Handler]]
"""The links that tell of requests, for an operation or for what is none."""

ORDER = (*CREDENTIALS, "csrf", "gzip")
"""The server's own links of a named chain; credentials among themselves stand in any order."""


def check_chains(loaded: LoadedConfig) -> None:
    """Refuse chains with links that are unknown, doubled or out of order, and settings of no installed middleware.

    And a sandbox for consumers in production.

    Raises:
        ConfigError: with everything that is wrong.
    """
    installed = installed_middlewares()
    problems = [
        Problem(f"chains.{name}", reason, "")
        for name, links in loaded.config.chains.items()
        for reason in _wrong(links, installed)
    ]
    problems += [
        Problem(f"middlewares.{name}", "no installed package offers this middleware", "")
        for name in loaded.config.middlewares
        if name not in installed
    ]
    if loaded.config.sandbox.header and loaded.config.server.production:
        problems.append(Problem("sandbox.header", "cannot be used while server.production is true", ""))
    if problems:
        raise ConfigError(tuple(problems)).placed(loaded.origins)


def _wrong(links: tuple[str, ...], installed: frozenset[str]) -> Iterator[str]:
    known = [*ORDER, *sorted(installed - {*ORDER})]
    for link in dict.fromkeys(links):
        if link not in known:
            yield f"unknown link {link!r}; there is {', '.join(known)}"
        if links.count(link) > 1:
            yield f"{link} stands there twice"
    ranks = [_rank(link) for link in links]
    if ranks != sorted(ranks):
        yield "must name credentials first, then csrf, then gzip, then the links of other packages"


def _rank(link: str) -> int:
    if link in CREDENTIALS:
        return 0
    return ORDER.index(link) if link in ORDER else len(ORDER)


@dataclass(frozen=True, slots=True)
class Foreign:
    """The links other packages offer; those that could not be built, with the reason."""

    links: Mapping[str, Link] = field(default_factory=dict[str, Link])
    failed: Mapping[str, PluginError] = field(default_factory=dict[str, PluginError])

    def link(self, name: str) -> Link:
        """The link of that name; `PluginError` when it cannot be used."""
        if name in self.failed:
            raise PluginError(Failure("serve", f"middlewares.{name}", f"cannot be used: {self.failed[name]}"))
        return self.links[name]

    def name(self, link: object) -> str | None:
        """The name by which chains know one of these links."""
        return next((name for name, own in self.links.items() if own is link), None)


async def load_foreign(loaded: LoadedConfig) -> Foreign:
    """Every link of another package that a chain names or the configuration sets up."""
    links: dict[str, Link] = {}
    failed: dict[str, PluginError] = {}
    named = (link for chain in loaded.config.chains.values() for link in chain if link not in ORDER)
    for name in dict.fromkeys((*named, *loaded.config.middlewares)):
        try:
            links[name] = await load_middleware(name, loaded.config.middlewares.get(name, {}), loaded.origins)
        except PluginError as error:
            failed[name] = error
    return Foreign(links, failed)


def token_guard(trust: Trust) -> Chain[Handler]:
    """Asks for a service token, whatever its scopes: for the server's own pages."""
    return Chain(credentials(token_credential(trust.tokens.identify)))


def inbound(
    config: Config,
    log: AccessLog | None,
    trust: Trust,
    rates: RateCounters,
    foreign: Foreign,
    ledger: Ledger,
    measure: Measure = lambda _: Chain(),
) -> Links:
    """All links of one worker; ``measure`` gives those that count, and stand outside of all others."""
    patience = Patience(idle=config.limits.body_idle, total=config.limits.body_total)
    chains = _Chains(config, trust, rates, foreign, patience)

    def guard(mount: Mount) -> Chain[Handler]:
        return Chain(idempotency(mount, ledger, config.idempotency.wait, patience))

    return Links(
        outer=_outer(config, log, trust, rates),
        inner=chains.inner,
        form_token=partial(form_token, trust.sessions),
        guard=guard,
        patience=patience,
        measure=measure,
    )


def measuring(tallies: Tallies | None, spans: Spans | None) -> Measure:
    """The links that tell of requests: without ``tallies`` nothing is counted, without ``spans`` there are none."""

    def measure(mount: Mount | None) -> Chain[Handler]:
        chain: Chain[Handler] = Chain()
        if spans and mount:
            chain = chain.append(spanned(spans.record, spans.share, mount))
        if tallies:
            place = (mount.operation.service, mount.operation.path, mount.operation.verb) if mount else ()
            chain = chain.append(measured(tallies.of(*place)))
        return chain

    return measure


def _outer(
    config: Config, log: AccessLog | None, trust: Trust, rates: RateCounters
) -> Callable[[Envelope], Chain[Handler]]:
    """The links every request passes, by the envelope in which it is told of faults."""
    first: Chain[Handler] = Chain(correlation(config.correlation_headers), security_headers(config.server.secure))
    if config.cors.origins:
        first = first.append(cors(Permission(**config.cors.model_dump())))
    first = first.append(session_cookie(trust.sessions))
    if log is not None:
        first = first.append(access_log(log))
    last: Chain[Handler] = Chain(in_flight(config.limits.in_flight))
    if config.sandbox.header:
        last = last.append(sandbox(config.sandbox.header))
    if rate := config.limits.rates.address:
        last = last.append(rate_limit(rates.counter("address", rate), by_address))
    return lambda envelope: first.append(recovery(envelope)).extend(last)


class _Chains:
    """Composes what a named chain adds for one operation; counters are shared by all operations."""

    def __init__(self, config: Config, trust: Trust, rates: RateCounters, foreign: Foreign, patience: Patience) -> None:
        self._config = config
        self._patience = patience
        self._trust = trust
        self._foreign = foreign
        limits = config.limits.rates
        self._consumer = rates.counter("consumer", limits.consumer) if limits.consumer else None
        self._operation = rates.counter("operation", limits.operation) if limits.operation else None

    def inner(self, mount: Mount) -> Chain[Handler]:
        """The links between the outer ones and those of the service; `PluginError` when one cannot be used."""
        names = self._config.chains[mount.chain]
        kinds = [self._credential(name, mount.realm) for name in names if name in CREDENTIALS]
        chain: Chain[Handler] = Chain()
        if kinds and not mount.operation.public:
            chain = chain.append(credentials(*kinds))
        if "csrf" in names:
            chain = chain.append(csrf(self._trust.sessions, mount.realm, self._patience))
        if "gzip" in names:
            chain = chain.append(gzip(self._config.gzip.minimum, self._config.gzip.level))
        if self._consumer:
            chain = chain.append(rate_limit(self._consumer, by_consumer))
        if self._operation:
            operation = mount.operation
            chain = chain.append(rate_limit(self._operation, by_operation(operation.service, operation.name)))
        return chain.append(*(self._foreign.link(name) for name in names if name not in ORDER))

    def _credential(self, name: str, realm: str) -> Credential:
        match name:
            case "token":
                return token_credential(self._trust.tokens.identify)
            case "session":
                return session_credential(self._trust.sessions, realm)
            case _:
                return jwt_credential(self._trust.jwt.verifier.verify, realm, self._config.jwt.cookie)
