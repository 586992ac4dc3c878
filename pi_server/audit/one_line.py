"""Text that stays on one line, and looks like what it is, in every viewer."""

import re
from json.encoder import encode_basestring

# DEL and C1 controls, bidi controls, the line and paragraph separators, lone surrogates
_HOSTILE = re.compile("[\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
_CONTROL = re.compile("[\x00-\x1f]|" + _HOSTILE.pattern)

quoted = encode_basestring  # what `JSONEncoder(ensure_ascii=False).encode` is for a text, without the way there
"""A text as a JSON string; C0 controls, quotes and backslashes are escaped, nothing else."""


def _escape(match: re.Match[str]) -> str:
    return f"\\u{ord(match[0]):04x}"


def escaped(json: str) -> str:
    r"""JSON text with what JSON itself lets pass but a log line should not hold written as ``\uXXXX``."""
    if json.isascii() and "\x7f" not in json:
        return json
    return _HOSTILE.sub(_escape, json)


def one_line(text: str) -> str:
    r"""Plain text with every control, separator and surrogate written as ``\uXXXX``."""
    return text if text.isprintable() else _CONTROL.sub(_escape, text)
