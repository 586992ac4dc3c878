"""What a value of the configuration must look like beyond its type; every refusal is one plain sentence."""

from __future__ import annotations

import re
from collections.abc import Mapping
from ipaddress import ip_network
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from pydantic import SecretStr, ValidationInfo
from pydantic_core import PydanticCustomError

_NODE: Final = re.compile(r"(?:[A-Za-z0-9_.-]+|\[[0-9A-Fa-f:.]+\]):([0-9]{1,5})", re.ASCII)
_ROOT: Final = re.compile(r"/(?:[^\s/?#\\]+(?:/[^\s/?#\\]+)*)?/?")
_KEYS_TEXT: Final = "must be sqlite, memory, name:port,name:port,... or a redis:// or rediss:// URL"
_DOCUMENTS_TEXT: Final = "must be sqlite, memory or a mongodb:// URL"
_EMBEDDED: Final = frozenset({"sqlite", "memory"})
_REDIS: Final = frozenset({"redis", "rediss"})
_MISTYPED: Final = re.compile(r"[\s\x00-\x1f\x7f#]")  # no address, password or option is written with one of these
_ORIGIN: Final = re.compile(r"https?://(?:[a-z0-9.-]+|\[[0-9a-f:.]+\])(?::[0-9]{1,5})?")
_COOKIE: Final = re.compile(r"[A-Za-z0-9_-]{1,100}")
_RATE: Final = re.compile(r"[1-9][0-9]{0,8} ?/ ?(?:second|minute|hour|day)", re.ASCII)
SHORTEST_SECRET: Final = 32
_PATIENCE: Final = 8.0


def refuse(reason: str) -> PydanticCustomError:
    """The error for a value that breaks a rule; ``reason`` is shown as it stands."""
    return PydanticCustomError("config_rule", "{reason}", {"reason": reason})


def empty_if_none(value: object) -> object:
    """A section whose keys are all commented out is YAML's null; it means an empty section."""
    return {} if value is None else value


def not_bool(value: object) -> object:
    """Python counts true as 1; a configuration does not."""
    if isinstance(value, bool):
        raise refuse("must be a whole number")
    return value


def lowered(value: object) -> object:
    """Text in lower case, anything else as it is."""
    return value.lower() if isinstance(value, str) else value


def raised(value: object) -> object:
    """Text in upper case, anything else as it is."""
    return value.upper() if isinstance(value, str) else value


def folder(value: object) -> object:
    """A path must not be empty: an empty variable would silently mean the current directory."""
    if isinstance(value, str) and (not value.strip() or "\0" in value):
        raise refuse("must be the path of a directory")
    return value


def timezone(value: str) -> str:
    """``local``, ``UTC`` or a name of the time zone database."""
    if value in {"local", "UTC"}:
        return value
    try:
        ZoneInfo(value)
    except (KeyError, ValueError, OSError):  # OSError: a directory of the database, such as "Europe"
        raise refuse("must be local, UTC or a time zone such as Europe/Berlin") from None
    return value


def log_output(value: str) -> str:
    """A standard stream, ``off``, or a file that stays below the log directory."""
    path = Path(value)
    if not path.name or path.is_absolute() or ".." in path.parts or "\0" in value:
        raise refuse("must be stdout, stderr, off or the name of a file below logs.dir")
    return value


def network(value: str) -> str:
    """An address, or a network of addresses."""
    try:
        return str(ip_network(value))
    except ValueError:
        raise refuse("must be an address or a network such as 10.0.0.0/8") from None


def root_path(value: str) -> str:
    """The path all operations of a service begin with."""
    if not _ROOT.fullmatch(value):
        raise refuse("must be a path that starts with /, such as /api/account/v1.0")
    return value


def url_path(value: str) -> str:
    """A path as consumers ask for it."""
    if not value.startswith("/"):
        raise refuse("must start with /")
    return value


def digest(value: SecretStr) -> SecretStr:
    """The SHA-256 of a token: 64 hexadecimal digits, kept in lower case."""
    text = value.get_secret_value().strip().lower()
    if not re.fullmatch("[0-9a-f]{64}", text):
        raise refuse("must be the SHA-256 of the token as 64 hexadecimal digits")
    return SecretStr(text)


def key_store(value: str) -> str:
    """An embedded store, Redis nodes or a Redis URL; kept as given."""
    good = value in _EMBEDDED or (_redis_url(value) if "://" in value else _redis_nodes(value))
    if not good:
        raise refuse(_KEYS_TEXT)
    return value


def document_store(value: str) -> str:
    """An embedded store or a MongoDB URL; kept as given."""
    if value not in _EMBEDDED and not value.startswith(("mongodb://", "mongodb+srv://")):
        raise refuse(_DOCUMENTS_TEXT)
    return value


def store_time(value: float) -> float:
    """Seconds a call may be held up by a store that hangs."""
    if value > _PATIENCE:
        raise refuse(f"must be {_PATIENCE:g}s or less: so long a store that hangs holds up whoever asks it")
    return value


def http_url(value: str) -> str:
    """An absolute URL of HTTP."""
    if not _url(value, frozenset({"http", "https"})):
        raise refuse("must be an http:// or https:// URL")
    return value


def secret_url(value: SecretStr) -> SecretStr:
    """An absolute URL of HTTP, in which there may be a key."""
    http_url(value.get_secret_value())
    return value


def origin(value: str) -> str:
    """Scheme, host and maybe port: what a browser sends as Origin."""
    if not _ORIGIN.fullmatch(value):
        raise refuse("must be an origin such as https://app.example, without a path; * and null are not allowed")
    return value


def cookie_name(value: str) -> str:
    """A token of RFC 6265; what browsers demand of a prefix is for the server to keep."""
    if not _COOKIE.fullmatch(value):
        raise refuse("must be the name of a cookie: letters, digits, - and _")
    return value


def long_secret(value: SecretStr) -> SecretStr:
    """At least 32 bytes."""
    if len(value.get_secret_value().encode()) < SHORTEST_SECRET:
        raise refuse(f"must have at least {SHORTEST_SECRET} bytes")
    return value


def one_a_line(value: object) -> object:
    """Text, as a file of secrets/ gives it, is a list with an item on each line."""
    return value.split() if isinstance(value, str) else value


def rate(value: str) -> str:
    """Calls in a time."""
    if not _RATE.fullmatch(value):
        raise refuse("must be a rate such as 100/minute or 20/second")
    return value


def known_chain(name: str, info: ValidationInfo) -> str:
    """The name of a chain; the loader hands in the chains the configuration knows."""
    context: Mapping[str, frozenset[str]] = info.context or {}
    known = context.get("chains")
    if known is not None and name not in known:
        raise refuse(f"no such chain; known: {', '.join(sorted(known))}")
    return name


def _redis_url(value: str) -> bool:
    return not _MISTYPED.search(value) and _url(value, _REDIS)


def _redis_nodes(value: str) -> bool:
    nodes = [_NODE.fullmatch(node.strip()) for node in value.split(",")]
    return all(node is not None and 0 < int(node[1]) <= 65535 for node in nodes)


def _url(value: str, schemes: frozenset[str]) -> bool:
    try:
        parts = urlsplit(value)
        return parts.scheme in schemes and bool(parts.hostname) and parts.port != 0
    except ValueError:  # a port that is no number, or a broken IPv6 address
        return False
