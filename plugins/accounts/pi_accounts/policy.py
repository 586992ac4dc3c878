"""Which e-mail addresses and passwords are taken.

A password has 15 to 128 characters of any kind (as NFC), and is none that others try first: not one of the 30,000 most
common, not one short piece over and over, and not mainly made of what everybody knows of its owner or of this site.
`zxcvbn` lists the common ones; its estimate of strength is not used, for some texts keep it busy for seconds.
"""

import re
import unicodedata
from collections.abc import Iterable

from zxcvbn.frequency_lists import FREQUENCY_LISTS

SHORTEST, LONGEST = 15, 128
"""Characters of a password."""

SITE_WORDS = ("account", "accounts", "medical", "record", "records", "password", "passwort", "motdepasse", "piserver")

_EMAIL = re.compile(r"[^\s@\x00-\x1f\x7f<>()\[\]\\,;:\"]{1,64}@(?:[^\W_](?:[\w-]{0,61}[^\W_])?\.)+[^\W\d_]{2,63}")
_REPEATED = re.compile(r"(.{1,7}?)\1+.{0,6}", re.DOTALL)
_FEW = 8  # letters and digits that must be left without what everybody knows
_SIGNS = re.compile(r"[\W_]+")
_COMMON = frozenset(_SIGNS.sub("", password) for password in FREQUENCY_LISTS["passwords"])


def address(text: str) -> str | None:
    """The address as it is kept and compared; None for what is none."""
    found = unicodedata.normalize("NFC", text.strip()).lower()
    return found if len(found) <= 254 and _EMAIL.fullmatch(found) else None


def objection(password: str, email: str, site_words: Iterable[str] = ()) -> str:
    """Why this cannot be the password of that address, as a sentence; empty if it can."""
    normal = unicodedata.normalize("NFC", password)
    if len(normal) < SHORTEST:
        return f"A password has at least {SHORTEST} characters: a few words that do not belong together are good."
    if len(normal) > LONGEST:
        return f"A password has at most {LONGEST} characters."
    folded = normal.casefold()
    bare = _SIGNS.sub("", folded)
    if bare in _COMMON or _REPEATED.fullmatch(folded):
        return "This password is one that others try first; choose another."
    left = _without(bare, [*_words(email), *map(str.casefold, (*SITE_WORDS, *site_words))])
    if len(left) < _FEW or left in _COMMON:
        return "This password is too close to your address, to this site or to a common password; choose another."
    return ""


def _words(email: str) -> list[str]:
    """The parts of an address by which its owner is known."""
    return [word for word in _SIGNS.split(email.casefold()) if len(word) >= 3]


def _without(bare: str, words: list[str]) -> str:
    """The letters and digits that remain once ``words`` are taken out, the longest first."""
    for word in sorted((_SIGNS.sub("", word) for word in words), key=len, reverse=True):
        bare = bare.replace(word, "") if word else bare
    return bare
