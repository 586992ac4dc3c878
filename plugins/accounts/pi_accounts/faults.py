"""What may be wrong, under the error ids that consumers of the source know."""

from aiohttp import web

from pi_server import Fault
from pi_server.middlewares import Handler

PAUSE = 900
"""Seconds, as the header ``Retry-After`` tells them to an address from which too many sign-ins failed."""


class InvalidEmail(Fault):
    """What was sent is no address."""

    code, status, message = "InvalidEmailFormatErrorId", 400, "This is no e-mail address."


class InvalidPassword(Fault):
    """A password nobody should have; the message says why."""

    code, status, message = "InvalidPasswordFormatErrorId", 400, "Choose another password."


class WrongSignIn(Fault):
    """Nobody of that address, another password, or an account that rests: which of them is not told."""

    code, status, message = "InvalidCredentialsErrorId", 401, "The e-mail address or the password is wrong."

    def __init__(self) -> None:
        """Say what the other operations want to be shown, as each 401 has to."""
        super().__init__(headers={"WWW-Authenticate": "Bearer"})


class TooManySignIns(Fault):
    """Too many sign-ins failed from one address of the network, whoever's they were."""

    code, status, message = "too_many_requests", 429, "Too many sign-ins failed from here; try again later."

    def __init__(self) -> None:
        """Say when to come back."""
        super().__init__(headers={"Retry-After": str(PAUSE)})


class Unsignable(Fault):
    """No token could be made."""

    code, status, message = "JWTSignatureErrorId", 500, "The server could not sign a token."


class Unreadable(Fault):
    """A record that no key of the ring opens, or that is not its owner's any more."""

    code, status, message = "InternalServerErrorId", 500, "The record cannot be read; the operator can find the reason."


def source_ids(handler: Handler) -> Handler:
    """Tell of a body that is no JSON under the source's own id."""

    async def handle(request: web.Request) -> web.StreamResponse:
        try:
            return await handler(request)
        except Fault as fault:
            if fault.code != "invalid_syntax":
                raise
            raise Fault("ParseErrorId", fault.status, fault.message, reason=fault.reason) from fault

    return handle
