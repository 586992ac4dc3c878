"""What a running worker can be asked through its socket (`pi_server.server.control.channel`)."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, Literal

from pi_server.domain.standing import Breaker, Standing
from pi_server.server.control.channel import RefusedError, Verb

Turned = Literal["open", "close"]


def questions(standings: Mapping[str, Standing]) -> Mapping[str, Verb]:
    """The verbs of a worker, whose providers are known as ``service.field``."""

    async def providers(_: Mapping[str, Any]) -> list[dict[str, Any]]:
        return [told(name, standing) for name, standing in standings.items()]

    async def breaker(question: Mapping[str, Any]) -> list[dict[str, Any]]:
        name, turned = question.get("provider"), question.get("turn")
        standing = standings.get(str(name))
        if standing is None:
            raise RefusedError(f"no provider is called {name!r}; there is {', '.join(sorted(standings)) or 'none'}")
        if turned not in ("open", "close"):
            raise RefusedError("a breaker can be opened or closed")
        if not standing.breakers:
            raise RefusedError(f"{name} has no breaker: its configuration says breaker.failures: 0")
        _turn(standing.breakers.values(), turned)
        return [told(str(name), standing)]

    return {"providers": providers, "breaker": breaker}


def _turn(breakers: Iterable[Breaker], turned: Turned) -> None:
    for breaker in breakers:
        if turned == "open":
            breaker.open()
        else:
            breaker.close()


def told(name: str, standing: Standing) -> dict[str, Any]:
    """One provider as JSON; times are seconds."""
    last = standing.last_fault
    return {
        "provider": name,
        "endpoint": standing.endpoint.address,
        "company": standing.endpoint.company,
        "breakers": {address: breaker.state for address, breaker in standing.breakers.items()},
        "opened": {address: one.opened._asdict() for address, one in standing.breakers.items() if one.opened},
        "inFlight": standing.in_flight,
        "queued": standing.queued,
        "exchanges": standing.exchanges,
        "failed": standing.failed,
        "retries": standing.retries,
        "failovers": standing.failovers,
        "refused": dict(standing.refusals),
        "p50": standing.latency(0.5),
        "p95": standing.latency(0.95),
        "certificates": [{"key": o.key, "subject": o.subject, "end": o.end.isoformat()} for o in standing.certificates],
        "warnings": standing.warnings(datetime.now(UTC)),
        "lastFault": last and {"at": last.at, "what": last.what, "correlationId": last.correlation_id},
    }
