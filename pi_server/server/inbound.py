"""The inbound chain as configured: the links that always stand, and those a named chain adds."""

from collections.abc import Mapping

from pi_server.auth.service_tokens import ServiceTokens
from pi_server.config import Config, ConfigError, LoadedConfig, Problem
from pi_server.domain.chain import Chain
from pi_server.domain.consumer import Consumer
from pi_server.domain.envelope import ENVELOPES, EnvelopeName
from pi_server.domain.ports import AccessLog
from pi_server.web.application import Links
from pi_server.web.endpoint import Handler
from pi_server.web.middleware.access_log import access_log
from pi_server.web.middleware.correlation import correlation
from pi_server.web.middleware.recovery import recovery
from pi_server.web.middleware.token import token


def check_chains(loaded: LoadedConfig) -> None:
    """Refuse a chain that names an unknown link.

    Raises:
        ConfigError: with every such chain.
    """
    known = sorted(inner_links(loaded.config))
    problems = [
        Problem(f"chains.{name}", f"unknown link {link!r}; there is {', '.join(known)}", origin)
        for name, links in loaded.config.chains.items()
        for link in links
        if link not in known
        for origin in [str(loaded.origins.get(("chains", name), ""))]
    ]
    if problems:
        raise ConfigError(tuple(problems))


def inner_links(config: Config) -> Mapping[str, Chain[Handler]]:
    """The links a named chain may be made of."""
    holders = {
        section.sha256.get_secret_value(): Consumer(name=name, scopes=frozenset(section.scopes), kind="token")
        for name, section in config.tokens.items()
    }
    return {"token": Chain(token(ServiceTokens(holders).identify))}


def inbound(config: Config, log: AccessLog | None) -> Links:
    """The inbound chain: correlation, access log and recovery always; then what a named chain adds."""
    first: Chain[Handler] = Chain(correlation(config.correlation_headers))
    if log is not None:
        first = first.append(access_log(log))
    inner = inner_links(config)

    def outer(envelope: EnvelopeName) -> Chain[Handler]:
        return first.append(recovery(ENVELOPES[envelope]))

    named: dict[str, Chain[Handler]] = {}
    for name, links in config.chains.items():
        chain: Chain[Handler] = Chain()
        for link in links:
            chain = chain.extend(inner[link])
        named[name] = chain
    return Links(outer=outer, named=named)
