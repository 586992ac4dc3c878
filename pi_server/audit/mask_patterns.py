"""Values that are secret by their form: numbers with check digits, and what an operator's expressions match.

Most texts hold none, so a text is first looked at as bytes: a run of thirteen digits or capitals (what may part groups
left out) takes a microsecond to exclude.  Only where such a run stands is anything matched.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from string import ascii_uppercase

from pi_server.audit.mask_text import MASK

Span = tuple[int, int]

# --- where to look -----------------------------------------------------------------------------------------------

_UPPER, _DIGITS = bytes(range(0x41, 0x5B)), bytes(range(0x30, 0x3A))
_ARABIC = bytes((*range(0xA0, 0xAA), *range(0xB0, 0xBA)))  # second bytes of the Arabic and Persian digits ...
_RUNS = bytes.maketrans(_DIGITS + _ARABIC + _UPPER, b"0" * 56)
_DROPPED = b" -\xd9\xdb"  # ... and their first ones
_RUN = b"0" * 13
_RUN_TEXT = _RUN.decode()
_SHORT = len(_RUN) - 1


def _may_hold_numbers(text: str) -> bool:
    raw = text.encode() if text.isascii() else text.encode(errors="replace")
    return _RUN_TEXT in raw.translate(_RUNS, _DROPPED).decode("latin-1")  # text is searched quicker than bytes


_SHAPE = bytes.maketrans(_DIGITS + _UPPER + b"-", b"0" * 10 + b"A" * 26 + b" ")


def _shape(text: str) -> bytes:
    """Digits as 0, capitals as A, what may part groups as a space; nothing when its places are not the text's."""
    return text.encode().translate(_SHAPE) if text.isascii() else b""


def _matches(text: str, shape: bytes, form: re.Pattern[str], begins: Iterable[bytes]) -> Iterator[re.Match[str]]:
    """The places of ``form``, whose matches have a shape that begins with one of ``begins``; they may overlap."""
    if not shape:
        at = 0
        while match := form.search(text, at):
            yield match
            at = match.start() + 1
        return
    for begin in begins:
        at = shape.find(begin)
        while at >= 0:
            if match := form.match(text, at):
                yield match
            at = shape.find(begin, at + 1)


# --- payment cards: as their networks number them, in one piece or in the groups printed on them ---------------------

_CARD = re.compile(
    r"[2-69٢-٦٩۲-۶۹](?<!\d\d)(?<!\d\..)"
    r"(?:\d{12,18}|\d{3}([ -])(?:\d{4}\1\d{4}\1\d{1,4}(?:\1\d{1,3})?|\d{6}\1\d{4,5}))(?!\d)(?!\.\d)"
)
_CARD_SHAPES = (_RUN, b"0000 0000 0000 0", b"0000 000000 0000")
_DOUBLED = str.maketrans("0123456789", "0246813579")  # the sum of the digits of twice each digit
_NETWORKS = re.compile(r"2[2-7]|[3-6]|9792")


def luhn(number: str) -> bool:
    """Whether the last of the digits is the check digit of the others (ISO/IEC 7812)."""
    return (sum(map(int, number[::-2])) + sum(map(int, number[-2::-2].translate(_DOUBLED)))) % 10 == 0


def cards(text: str, shape: bytes) -> Iterator[Span]:
    """Where numbers of payment cards stand."""
    for match in _matches(text, shape, _CARD, _CARD_SHAPES):
        number = str(int(match[0].replace(" ", "").replace("-", "")))  # in ASCII digits, whatever they were
        if _NETWORKS.match(number) and luhn(number):
            yield match.span()


# --- IBAN: country, two check digits, up to thirty more, in capitals -----------------------------------------------

_IBAN = re.compile(
    r"[A-Z](?<![A-Za-z0-9].)[A-Z][0-9]{2}(?:[ -]?[A-Z0-9]{4}){2,7}(?:[ -]?[A-Z0-9]{1,3})?(?![A-Za-z0-9])"
)
_IBAN_SHAPES = (b"AA00",)
_GROUP = re.compile("[ -]?([A-Z0-9]+)")
_SHORTEST_IBAN = 15
_NUMBERS = {ord(letter): str(int(letter, 36)) for letter in ascii_uppercase}


def iban_end(text: str) -> int:
    """How far ``text`` is an IBAN, by its check digits (ISO 13616); a word in capitals may follow.  0 if it is none."""
    country, rest, length, end = text[:4].translate(_NUMBERS), 0, 4, 0
    for group in _GROUP.finditer(text, 4):
        length += len(group[1])
        rest = int(f"{rest}{group[1].translate(_NUMBERS)}") % 97  # of the number so far: no group is looked at twice
        if length >= _SHORTEST_IBAN and int(f"{rest}{country}") % 97 == 1:
            end = group.end()
    return end


def ibans(text: str, shape: bytes) -> Iterator[Span]:
    """Where IBANs stand."""
    for match in _matches(text, shape, _IBAN, _IBAN_SHAPES):
        if end := iban_end(match[0]):
            yield match.start(), match.start() + end


KNOWN: Mapping[str, Callable[[str, bytes], Iterator[Span]]] = {"card": cards, "iban": ibans}
"""The patterns there are, by their names in the configuration."""


class Patterns:
    """Finds values by their form."""

    def __init__(
        self, known: Iterable[str], expressions: Mapping[str, re.Pattern[str]], hit: Callable[[str], None]
    ) -> None:
        """Look for the patterns ``known`` and for ``expressions``; ``hit`` is told the rule of each value found."""
        self._known = {f"pattern {name}": KNOWN[name] for name in known}
        self._expressions = {f"regex {name}": expression for name, expression in expressions.items()}
        self._hit = hit

    def suspected(self, text: str) -> bool:
        """Whether ``text`` may hold such a value; quick, and never wrongly False."""
        if self._known and len(text) > _SHORT and _may_hold_numbers(text) and self._holds_numbers(text):
            return True
        if not self._expressions:
            return False
        # an escape may stand for a part of a value
        return "\\" in text or any(expression.search(text) for expression in self._expressions.values())

    def _holds_numbers(self, text: str) -> bool:
        shape = _shape(text)
        return any(any(find(text, shape)) for find in self._known.values())

    def masked(self, text: str) -> str:
        """``text`` with each such value replaced."""
        if self._known and len(text) > _SHORT and _may_hold_numbers(text):
            for rule, find in self._known.items():
                text = self._without(text, rule, sorted(find(text, _shape(text))))
        for rule, expression in self._expressions.items():
            text = self._without(text, rule, [match.span() for match in expression.finditer(text)])
        return text

    def _without(self, text: str, rule: str, spans: list[Span]) -> str:
        parts: list[str] = []
        done = 0
        for start, end in spans:
            if start >= done:
                self._hit(rule)
                parts += (text[done:start], MASK)
            done = max(done, end)
        return "".join((*parts, text[done:]))
