"""A user's name and password, as RFC 7617 has them."""

from typing import Literal

from pydantic import Field

from pi_server.providers.credentials.credential import AuthSection, Credential, basic
from pi_server.providers.spelling import SecretText, UserName


class Basic(AuthSection):
    """``auth: {kind: basic, user: us, password: ...}``."""

    kind: Literal["basic"] = Field(description="User name and password.")
    user: UserName = Field(description="The user's name, without a colon.")
    password: SecretText = Field(description="The password.")

    def credential(self) -> Credential:
        """A header, prepared."""
        return Credential(headers={self.secret_header: basic(self.user, self.password.get_secret_value())})
