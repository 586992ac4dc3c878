"""A token endpoint, and a provider that believes in its tokens."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from urllib.parse import parse_qs

from tests.canaries import canary
from tests.parts.rest_provider import Asked, whole


@dataclass
class Issuer:
    """What it was asked, the tokens it gave out, the last of which is good, and what it answers in place of one."""

    life: int = 3600
    asked: list[Asked] = field(default_factory=list[Asked])
    given: list[str] = field(default_factory=list[str])
    instead: Callable[[], bytes | None] | None = None

    def token(self, asked: Asked) -> bytes | None:
        """Answer the token endpoint's consumer."""
        self.asked.append(asked)
        if self.instead:
            return self.instead()
        self.given.append(canary())
        answer = {"access_token": self.given[-1], "token_type": "bearer", "expires_in": self.life}
        return whole(json.dumps(answer).encode())

    def provide(self, asked: Asked) -> bytes:
        """Answer as a market does to whoever shows the last token."""
        if asked.headers.get("authorization") != f"Bearer {self.given[-1] if self.given else ''}":
            return whole(b'{"error": "expired"}', 401)
        return whole(b'{"base": "EUR", "rates": {"USD": 1.25}}')

    @property
    def form(self) -> dict[str, str]:
        """The last form it was sent."""
        return {name: values[0] for name, values in parse_qs(self.asked[-1].body.decode()).items()}
