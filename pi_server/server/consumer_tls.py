"""TLS towards consumers, where no proxy in front speaks it."""

import ssl
from pathlib import Path

from pi_server.config import ConfigError, Problem, ServerSection


def consumer_tls(settings: ServerSection) -> ssl.SSLContext | None:
    """What serves https, or nothing where ``server.tls`` is not given.

    Raises:
        ConfigError: the certificate or its key cannot be used.
    """
    if settings.tls is None:
        return None
    for key, file in (("cert", settings.tls.cert), ("key", settings.tls.key)):
        _see_to(key, file)
    password = settings.tls.password
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    try:
        context.load_cert_chain(settings.tls.cert, settings.tls.key, password.get_secret_value() if password else "")
    except ssl.SSLError:
        raise _wrong("server.tls", "is no certificate with its own key, or the password is wrong") from None
    return context


def _see_to(key: str, file: Path) -> None:
    """The library does not say which of both it cannot read."""
    try:
        file.open("rb").close()
    except OSError as error:
        raise _wrong(f"server.tls.{key}", f"{file} cannot be read: {error.strerror}") from None


def _wrong(path: str, reason: str) -> ConfigError:
    return ConfigError((Problem(path, reason, ""),))
