"""A token that does not change, as RFC 6750 has it."""

from typing import Literal

from pydantic import Field

from pi_server.providers.credentials.credential import AuthSection, Credential
from pi_server.providers.spelling import SecretWord


class Bearer(AuthSection):
    """``auth: {kind: bearer, token: ...}``."""

    kind: Literal["bearer"] = Field(description="A token that does not change.")
    token: SecretWord = Field(description="The token.")

    def credential(self) -> Credential:
        """A header, prepared."""
        return Credential(headers={self.secret_header: f"Bearer {self.token.get_secret_value()}"})
