"""Which values of the configuration must never be shown, and what is shown instead."""

from __future__ import annotations

import json
import re
from collections.abc import Collection
from typing import Final

from pi_server.config.given import KeyPath, Plain

MASK: Final = "***"
_SECRET: Final = re.compile(
    r"pass(word|wd|phrase|code)|pwd|secret|token|credential|authori[sz]ation|signature|cookie|bearer"
    r"|(^|_)(pass|pin|otp|salt|jwt|jwk)($|_)|(^|_|api|private|access)keys?($|_)",
)
_CAMEL: Final = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_USER: Final = re.compile(r"(?<=//)[^/\s]*@")
_QUERY: Final = re.compile(r"(?<=[?&])([^=&\s]*)=[^&\s]*")


def one_line(text: str) -> str:
    """``text`` with every line break, control or surrogate character escaped."""
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)


def looks_secret(path: KeyPath, names: Collection[str] = ()) -> bool:
    """Whether the value at ``path`` is a secret by its name; ``names`` are secret too (``logs.mask``)."""
    match path:
        case ("tokens", _, "scopes" | "reach" | "expires", *_) | ("services", _, "operations", *_):
            return False
        case ("tokens" | "keyring", *_) | ("jwt", "keys", _, "secret" | "private"):
            return True
        case ("services" | "middlewares", _, *own):
            secret = {name.lower() for name in names}
            misplaced = own[-1:] == ["auth"]  # a credential in the place of its section
            return misplaced or any(key.lower() in secret or is_secret_name(key) for key in own)
        case _:
            return False


def is_secret_name(name: str) -> bool:
    """Whether ``name`` is one that secrets have: ``password``, ``apiKey``, ``client_secret``."""
    return bool(_SECRET.search(_CAMEL.sub("_", name).lower().replace("-", "_")))


def without_credentials(text: str) -> str:
    """``text`` with the user part and secret parameters of a URL masked."""
    return _QUERY.sub(_parameter, _USER.sub(f"{MASK}@", text))


def masked(path: KeyPath, value: Plain, names: Collection[str] = ()) -> Plain:
    """``value`` with everything secret in it replaced."""
    if isinstance(value, dict):
        return {key: masked((*path, key), below, names) for key, below in value.items()}
    if looks_secret(path, names) and value not in (None, "", []):
        return MASK
    if isinstance(value, list):
        return [masked((*path, str(index)), below, names) for index, below in enumerate(value)]
    return without_credentials(value) if isinstance(value, str) else value


def text_of(value: Plain) -> str:
    """``value`` on one line: text as it is, the rest as JSON."""
    return one_line(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False))


def _parameter(match: re.Match[str]) -> str:
    return f"{match[1]}={MASK}" if is_secret_name(match[1]) else match[0]
