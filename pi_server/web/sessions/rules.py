"""What holds for every session of a server."""

import time
from collections.abc import Callable
from dataclasses import dataclass

from pi_server.config.consumer_sections import SessionsSection
from pi_server.domain.security import Revocations, Sealer
from pi_server.web.sessions.cookies import Cookie
from pi_server.web.sessions.csrf_tokens import CsrfTokens
from pi_server.web.sessions.record import Lifetimes


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionRules:
    """What holds for every session; ``wall`` gives POSIX seconds."""

    cookie: Cookie
    lifetimes: Lifetimes
    sealer: Sealer
    revocations: Revocations
    csrf: CsrfTokens
    wall: Callable[[], float] = time.time


def session_rules(
    section: SessionsSection, *, secure: bool, sealer: Sealer, csrf_sealer: Sealer, revocations: Revocations
) -> SessionRules:
    """The rules as configured; ``secure`` says that consumers come by https."""
    name = section.cookie or ("__Host-pi" if secure else "pi-session")
    return SessionRules(
        cookie=Cookie(name, secure, section.same_site),
        lifetimes=Lifetimes(section.idle, section.lifetime),
        sealer=sealer,
        revocations=revocations,
        csrf=CsrfTokens(csrf_sealer, Cookie(f"{name}-csrf", secure, "Strict", http_only=False)),
    )
