r"""Masking in any text, whole or cut, well formed or not: nothing here trusts that what opens is closed.

Where a value has no visible end, everything to the end of the text is masked.  Every loop moves forward only, so the
time is linear in the length of the text, whatever it holds.
"""

import re
from collections.abc import Container

MASK = "***"

# --- name = value, "name": "value", also inside another string (\"name\":\"value\", &quot;name&quot;:...) -------------

ESCAPED_QUOTE = r"&(?:amp;)*(?:quot|apos|#0*+3[49]|#[xX]0*+2[27]);"
ESCAPED_LESS = r"&(?:amp;)*(?:lt|#0*+60|#[xX]0*+3[cC]);|\\u003[cC]"

_QUOTE = rf"\\*+(?:[\"']|{ESCAPED_QUOTE})"
_NAME = r"(?:(?<![\w\\-])|(?=\\(?!u[0-9a-fA-F]{4})))(\\?(?:[\w-]|\\u[0-9a-fA-F]{4})++)"
_PAIR = re.compile(rf"{_NAME}(?:{_QUOTE})?\]?\s*+(:=?|=+>?)\s*+")
_OPENING = re.compile(_QUOTE)
_LITERAL = re.compile(r"(?:-?\d[\d.eE+-]*|true|false|null)(?=\s*(?:[,}\]]|\Z))")
_LINE = re.compile(r'[^\r\n"<]*')  # after a colon, as in headers: to the end of the line
_PIECE = re.compile(r'(?:(?:basic|bearer|digest|negotiate)\s+)?[^&\s"<>]*', re.IGNORECASE)  # after "=": up to a space
_NESTING = re.compile(
    r"""(?P<open>[{\[])|(?P<close>[}\]])|"[^"\\]*+(?:\\.[^"\\]*+)*+(?:"|\\?\Z)|'[^'\\]*+(?:\\.[^'\\]*+)*+(?:'|\\?\Z)""",
    re.DOTALL,
)


def mask_pairs(text: str, names: Container[str]) -> str:
    """``text`` with the value of each secret name replaced."""
    return mask_values(text, _PAIR, names)


def mask_values(text: str, form: re.Pattern[str], names: Container[str]) -> str:
    """``text`` with the value behind each match of ``form`` replaced that is a secret name's: name, then separator."""
    parts: list[str] = []
    at = done = 0
    while match := form.search(text, at):
        at = match.end()
        if match[1] in names:
            end, shown = value_at(text, at, match[2])
            parts += (text[done:at], shown)
            at = done = end
    return "".join((*parts, text[done:]))


def value_at(text: str, at: int, separator: str) -> tuple[int, str]:
    """Where the value that starts at ``at`` ends, and what to show for it."""
    if opening := _OPENING.match(text, at):
        start, end = _string_end(text, opening[0], opening.end())
        return end, opening[0] + MASK + text[start:end]
    if text[at : at + 1] in ("{", "["):
        return _nested_end(text, at), f'"{MASK}"'
    assigned = separator[-1] == "=" and separator[0] == "="
    if not assigned and (literal := _LITERAL.match(text, at)):
        return literal.end(), f'"{MASK}"'
    bare = (_PIECE if assigned else _LINE).match(text, at)
    end = bare.end() if bare else at
    return end, MASK if end > at else ""


def _level(backslashes: int) -> int:
    r"""How deep a quote behind that many backslashes is nested: ``"`` 0, ``\"`` 1, ``\\\"`` 2 (and ``\\"`` 0 again)."""
    return ((backslashes + 1) & -(backslashes + 1)).bit_length() - 1


def _string_end(text: str, opening: str, at: int) -> tuple[int, int]:
    """Start and end of the quote that closes ``opening``, or that of a string around it."""
    quote = opening.lstrip("\\")
    level = _level(len(opening) - len(quote))
    while (found := text.find(quote, at)) >= 0:
        before = text[at:found]
        backslashes = len(before) - len(before.rstrip("\\"))
        if _level(backslashes) <= level:
            return found - backslashes, found + len(quote)
        at = found + len(quote)
    return len(text), len(text)


def _nested_end(text: str, at: int) -> int:
    """Where the object or array that opens at ``at`` closes."""
    depth = 0
    for token in _NESTING.finditer(text, at):
        depth += (token["open"] is not None) - (token["close"] is not None)
        if depth == 0:
            return token.end()
    return len(text)


# --- <name>value</name>, also in comments, CDATA and as escaped text (&lt;name&gt;, \u003cname\u003e) ----------------

_LESS = rf"<|{ESCAPED_LESS}"
_MORE = r">|&(?:amp;)*(?:gt|#0*+62|#[xX]0*+3[eE]);|\\u003[eE]"
_START = re.compile(rf"({_LESS})([\w.:-]++)")
_REST_PLAIN = re.compile(r"""(?:[^>"']|"[^"]*+(?:"|\Z)|'[^']*+(?:'|\Z))*+(?:>|\Z)""")
_REST_ESCAPED = re.compile(rf".*?(?:{_MORE}|\Z)", re.DOTALL)
_INSIDE = re.compile(
    rf"<!--.*?(?:-->|\Z)|<!\[CDATA\[.*?(?:\]\]>|\Z)|({_LESS})(\\?/)?([\w.:-]++)(?:[^<>&\\]*+({_MORE}))?", re.DOTALL
)


def mask_elements(text: str, names: Container[str]) -> str:
    """``text`` with the content and attributes of each element of a secret name replaced."""
    parts: list[str] = []
    at = done = 0
    while match := _START.search(text, at):
        at = match.end()
        if match[2] in names:
            end, shown = _element(text, match)
            parts += (text[done:at], shown)
            at = done = end
    return "".join((*parts, text[done:]))


def _element(text: str, start: re.Match[str]) -> tuple[int, str]:
    """Where the element ends whose start tag begins with ``start``, and what to show after its name."""
    less, name = start.groups()
    rest = (_REST_PLAIN if less == "<" else _REST_ESCAPED).match(text, start.end())
    at = rest.end() if rest else len(text)
    more = re.search(rf"(?:{_MORE})\Z", text[start.end() : at])
    if more is None:
        return len(text), f" {MASK}"
    if text[start.end() : at - len(more[0])].endswith("/"):
        return at, "/" + more[0]
    start_of_close, end = element_end(text, at, less, name)
    return end, more[0] + content_shown(text[at:start_of_close]) + text[start_of_close:end]


_PLAIN_PIECE = re.compile(r"<(/?)([\w.:-]++)(?:[^<>\"'/]|\"[^\"<>]*+\"|'[^'<>]*+'|/(?!>))*+(/?)>|([^<>]++)")


def content_shown(text: str) -> str:
    """What to show for the content of a secret element: of others in it, such as a whole message, the names alone."""
    pieces = list(_PLAIN_PIECE.finditer(text))
    if len(pieces) < 2 or sum(len(piece[0]) for piece in pieces) < len(text):
        return MASK
    shown = [
        piece[4] if piece[4] and piece[4].isspace() else MASK if piece[4] else _bare_tag(piece) for piece in pieces
    ]
    return "".join(shown)


def _bare_tag(tag: re.Match[str]) -> str:
    return f"<{tag[1]}{tag[2]}{tag[3]}>"


def element_end(text: str, at: int, less: str, name: str) -> tuple[int, int]:
    """Start and end of the tag that closes ``name``."""
    depth = 1
    for tag in _INSIDE.finditer(text, at):
        if (tag[1], tag[3]) == (less, name):
            closes_itself = tag[0].removesuffix(tag[4] or "").endswith("/")
            depth += -1 if tag[2] else not closes_itself
            if depth == 0:
                return tag.start(), tag.end()
    return len(text), len(text)
