"""TLS towards consumers, where no proxy in front speaks it."""

import ssl

from pi_server.config import ConfigError, Problem, ServerSection


def consumer_tls(settings: ServerSection) -> ssl.SSLContext | None:
    """What serves https, or nothing where ``server.tls`` is not given.

    Raises:
        ConfigError: the certificate or its key cannot be used.
    """
    if settings.tls is None:
        return None
    password = settings.tls.password
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    try:
        context.load_cert_chain(settings.tls.cert, settings.tls.key, password.get_secret_value() if password else "")
    except ssl.SSLError:
        reason = "is no certificate with its own key, or the password is wrong"
    except OSError as error:
        reason = f"cannot be read: {error.strerror}"
    else:
        return context
    raise ConfigError((Problem("server.tls", reason, ""),))
