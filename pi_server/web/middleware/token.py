"""What the service token's credential consists of: one header, and someone to ask.

It is looked for in the header and nowhere else: a query parameter of the same name would stand in every log on the way.
A refusal carries ``WWW-Authenticate: x-srv-token``: HTTP wants a challenge with every 401, this one names the header
that is missing or wrong, and no browser asks for a password because of it.  It is the same whatever was wrong.
"""

from collections.abc import Awaitable, Callable

from pi_server.domain.consumer import Consumer

TOKEN_HEADER = "x-srv-token"  # noqa: S105 - the name of a header, no secret

Identify = Callable[[str], Consumer | Awaitable[Consumer]]
"""Whose token it is, at once or to be awaited; raises `Unauthenticated` with a reason for the log."""
