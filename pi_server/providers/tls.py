"""Whom the transport trusts, what it shows of itself, and how long the certificates for that are good."""

import os
import ssl
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pi_server.domain.certificate import Certificate
from pi_server.providers.settings import ProviderSettings

_UNSAFE = "unsafe_accept_any_certificate: anybody can pose as this provider"
_PEM = "-----BEGIN"
_LARGEST = 16 * 1024  # bytes that a pipe holds everywhere


@dataclass(frozen=True, slots=True)
class Tls:
    """What a provider's connections are encrypted with; ``True`` is aiohttp's word for the system's authorities."""

    context: ssl.SSLContext | bool = True
    certificates: tuple[Certificate, ...] = ()
    cautions: tuple[str, ...] = ()


def open_tls(settings: ProviderSettings, files: Path) -> Tls:
    """Read what ``settings`` name; relative paths start from ``files``.  Takes a moment: run it in a thread.

    Raises:
        ValueError: a file, its key or its password cannot be used; the text holds nothing secret.
    """
    verified = not settings.unsafe_accept_any_certificate
    if not (settings.ca or settings.certificate or settings.proxy) and verified:
        return Tls()
    context, certificates = _trusting(files / settings.ca if settings.ca else None)
    if not verified:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    if settings.certificate:
        certificates += (_show(context, settings, files),)
    return Tls(context, certificates, () if verified else (_UNSAFE,))


def _trusting(ca: Path | None) -> tuple[ssl.SSLContext, tuple[Certificate, ...]]:
    """A context that trusts the certificates in ``ca``, or else the system's."""
    try:
        context = ssl.create_default_context(cafile=ca)
    except (OSError, ssl.SSLError) as error:
        raise ValueError(f"ca: cannot read certificates from {ca}: {error}") from error
    return context, tuple(_authority(one) for one in context.get_ca_certs()) if ca else ()


def _authority(told: dict[str, Any]) -> Certificate:
    names = {name: value for part in told["subject"] for name, value in part}
    end = datetime.fromtimestamp(ssl.cert_time_to_seconds(told["notAfter"]), UTC)
    return Certificate("ca", names.get("commonName") or ", ".join(names.values()), end)


def _show(context: ssl.SSLContext, settings: ProviderSettings, files: Path) -> Certificate:
    """Have ``context`` show the client certificate, and tell which one that is."""
    given = settings.certificate or ""
    key = settings.certificate_key.get_secret_value() if settings.certificate_key else given
    password = settings.certificate_password.get_secret_value() if settings.certificate_password else ""
    try:
        with _readable(given, files) as shown, _readable(key, files) as secret:
            context.load_cert_chain(shown, secret, password)  # without a password OpenSSL would ask the terminal
        return _own(given.encode() if given.startswith(_PEM) else (files / given).read_bytes())
    except (OSError, ValueError) as error:
        reason = getattr(error, "reason", None) or getattr(error, "strerror", None) or "cannot be read"
        raise ValueError(f"certificate: cannot be used with its key and password ({reason})") from None


@contextmanager
def _readable(given: str, files: Path) -> Generator[str]:
    """A path for OpenSSL, which reads nothing but files: of PEM text, a pipe's, so that no disk ever holds a key."""
    if not given.startswith(_PEM):
        yield str(files / given)
        return
    text = f"{given}\n".encode()
    if len(text) > _LARGEST:
        raise ValueError
    reading, writing = os.pipe()
    try:
        os.write(writing, text)
        os.close(writing)
        yield f"/dev/fd/{reading}"
    finally:
        os.close(reading)


def _own(pem: bytes) -> Certificate:
    from cryptography.x509 import load_pem_x509_certificates  # nine megabytes that only client certificates need

    first = load_pem_x509_certificates(pem)[0]
    return Certificate("certificate", first.subject.rfc4514_string() or "nobody", first.not_valid_after_utc)
