"""Which names have secret values.

Names are compared without case, ``-``, ``_`` and trailing digits, and only by their local part: ``wsse:Password``,
``user.password``, ``user[password]``.  A name is secret when it

    is one of those in ``_WHOLE`` or given in ``logs.mask``
    ends in a word that is never anything else: ``newPassword``, ``csrf_token``, ``clientSecret``
    ends in a short word of its own: ``cardPin``, ``sms-otp``, but not ``shipping``
    ends in ``-key`` or ``_key``, as header and variable names do: ``X-Partner-Key``, ``signing_key``

``key`` alone, ``AccountKey`` or ``TraceNo`` are not secret: keys of records are evidence.  Neither is anything that
says whose money or health it is, such as an account or national id: that is for the operator to list in ``logs.mask``.
"""

import re
from collections.abc import Iterable
from functools import lru_cache
from urllib.parse import unquote_plus

_WHOLE = (
    "authorization proxyauthorization cookie setcookie cookies credential credentials jwt sessionid jsessionid "
    "pass passwords passwordhash passworddigest passwordconfirm passwordconfirmation tokens secrets apikeys "
    "cardnumber"
)
_ENDINGS = (
    "password passwd passphrase passcode secret token apikey privatekey secretkey accesskey signingkey encryptionkey "
    "sharedkey subscriptionkey pincode cvv cvc"
)
_WORDS = "pin otp totp pwd"
_CONTAINERS = frozenset({"usernametoken"})  # of WS-Security: the password in it is masked, the user's name is evidence
_CORES = (  # each secret name holds at least one
    "pass pwd secret token authorization cookie credential jwt sessionid cardnumber key cv pin otp"
)

_WHOLE_SET, _ENDS, _LAST_WORDS = frozenset(_WHOLE.split()), tuple(_ENDINGS.split()), frozenset(_WORDS.split())

_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")
_LOCAL = re.compile(r"[^:.\[\]]+")
_ESCAPE = re.compile(r"\\u([0-9a-fA-F]{4})")
_LOWER = bytes(range(256)).lower()
_LONGEST = 100  # no real name is longer, and what a stranger sends must not fill the cache


def _bare(name: str) -> str:
    return name.replace("-", "").replace("_", "").lower()


def _readings(name: str) -> tuple[str, ...]:
    r"""The names meant: what a JSON string holds as ``\npin`` may be a line's end and ``pin``."""
    if "\\" not in name:
        return (name,)
    plain = _ESCAPE.sub(lambda match: chr(int(match[1], 16)), name)
    return (plain.lstrip("\\"), plain[2:]) if plain.startswith("\\") else (plain,)


def _is_known(name: str, bare: str) -> bool:
    words = _WORD.findall(name)
    return (
        bare in _WHOLE_SET
        or (bare.endswith(_ENDS) and bare not in _CONTAINERS)
        or (bool(words) and words[-1].lower() in _LAST_WORDS)
        or name.lower().endswith(("-key", "_key"))
    )


def _local(name: str) -> str:
    parts: list[str] = _LOCAL.findall(unquote_plus(name))
    return parts[-1] if parts else ""


class GivenNames:
    """Names an operator gave, compared whole, without case, dashes and trailing digits, by their local part."""

    def __init__(self, names: Iterable[str]) -> None:
        self.cores = frozenset(_bare(name) for name in names)

    def __contains__(self, name: object) -> bool:
        """Whether ``name``, in any of its readings, is one of them."""
        if not self.cores or not isinstance(name, str):
            return False
        bares = [_bare(_local(reading)) for reading in _readings(name[-_LONGEST:])]
        return any(bare in self.cores or bare.rstrip("0123456789") in self.cores for bare in bares)


class SecretNames:
    """The well-known secret names and those the operator added."""

    def __init__(self, extra: Iterable[str] = (), related: Iterable[str] = ()) -> None:
        """Add ``extra`` names, compared whole; texts with ``related`` names are suspected too."""
        self._extra = GivenNames(extra)
        cores = {*self._extra.cores, *GivenNames(related).cores}
        self._cores = (*_CORES.split(), *sorted(cores))
        self._escape = "\\u00" if all(max(core, default="") <= "\xff" for core in cores) else "\\u"
        self._cached = lru_cache(maxsize=1024)(self._is_secret)

    def __contains__(self, name: object) -> bool:
        """Whether the value under ``name`` is secret."""
        return isinstance(name, str) and self._cached(name[-_LONGEST:])

    def suspected(self, text: str) -> bool:
        """Whether ``text`` may hold a secret name; quick, and never wrongly False."""
        # for ASCII the same as _bare, in two thirds of its time
        bare = text.encode().translate(_LOWER, b"-_").decode() if text.isascii() else _bare(text)
        for core in self._cores:  # half the time of any() over a generator
            if core in bare:
                return True
        return self._escape in text  # a name spelled with escapes

    def _is_secret(self, name: str) -> bool:
        return name in self._extra or any(self._is_one(reading) for reading in _readings(name))

    def _is_one(self, name: str) -> bool:
        plain = _local(name).rstrip("0123456789")
        return _is_known(plain, _bare(plain))
