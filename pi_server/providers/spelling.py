"""What may go on the wire as it stands."""

from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, SecretStr, StringConstraints
from pydantic_core import PydanticCustomError


def _http_url(text: str) -> str:
    """Accept what can go on the wire as it stands; a password in it would end up in logs."""
    parts = urlsplit(text)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("must be an absolute http:// or https:// URL")
    if not text.isascii() or not text.isprintable() or " " in text:
        raise ValueError("must be ASCII without spaces; encode other characters as %XX")
    if parts.username is not None or parts.fragment:
        raise ValueError("must hold neither user name, password nor fragment; use `auth` for credentials")
    if parts.port == 0:
        raise ValueError("must not name port 0")
    return text


def _proxy_url(text: str) -> str:
    """Accept the address of a proxy, and nothing beside it."""
    parts = urlsplit(_http_url(text))
    if parts.scheme != "http" or parts.path not in ("", "/") or parts.query:
        raise ValueError("must be http:// with a host and a port, and nothing more")
    return text


def refused(reason: str) -> PydanticCustomError:
    """The error for a value that breaks a rule; told as it stands, even where the value is secret."""
    return PydanticCustomError("provider_rule", "{reason}", {"reason": reason})


def _word(secret: SecretStr) -> SecretStr:
    text = secret.get_secret_value()
    if not text or not text.isascii() or not text.isprintable() or text != text.strip():
        raise refused("must be printable ASCII, not empty, without spaces around it")
    return secret


def _text(secret: SecretStr) -> SecretStr:
    if not secret.get_secret_value().isprintable() or not secret.get_secret_value():
        raise refused("must be text on one line, not empty")
    return secret


HttpUrl = Annotated[str, AfterValidator(_http_url)]
ProxyUrl = Annotated[str, AfterValidator(_proxy_url)]
HeaderName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9!#$%&'*+.^_`|~-]+$")]
HeaderValue = Annotated[str, StringConstraints(pattern=r"^[\x21-\x7e]([\x20-\x7e]*[\x21-\x7e])?$")]
UserName = Annotated[str, StringConstraints(pattern=r"^[^:\x00-\x1f\x7f]+$")]
SecretWord = Annotated[SecretStr, AfterValidator(_word)]
"""A secret that is sent as it stands."""
SecretText = Annotated[SecretStr, AfterValidator(_text)]
"""A secret that is encoded before it is sent."""
