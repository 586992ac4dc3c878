"""The bytes of a body as text for the log: never an exception, never more than the cap."""

import re
from codecs import lookup
from json import detect_encoding

CAP = 64 * 1024
"""Bytes of a body that are kept."""

_CHARSET = re.compile(r"charset\s*=\s*[\"']?((?:iso-?8859|latin|windows-|cp125|us-ascii)[\w-]*)", re.IGNORECASE)


def payload_text(body: bytes, content_type: str) -> str:
    r"""The first `CAP` bytes as text: UTF-8, XML and JSON in UTF-16 or UTF-32, else the declared charset.

    What is none of these shows its odd bytes as ``\xNN``.  It is not written in base64, because nothing could be masked
    in that, and one bad byte would hide the rest.
    """
    kept = body if len(body) <= CAP else body[: _boundary(body)]
    if b"\0" in kept and (wide := _wide(kept)):
        return wide
    try:
        return kept.decode()
    except UnicodeDecodeError:
        return kept.decode(_declared(content_type), "backslashreplace")


def _wide(body: bytes) -> str:
    """XML or JSON of more than one byte a character; empty when it is not that."""
    text = body.decode(detect_encoding(body), "backslashreplace")
    return text if text.lstrip("\ufeff \t\r\n").startswith(("<", "{", "[")) else ""


def _declared(content_type: str) -> str:
    """The charset of the content type if it is a plain one that Python knows, else UTF-8."""
    charset = _CHARSET.search(content_type)
    try:
        return lookup(charset[1]).name if charset else "utf-8"
    except LookupError:
        return "utf-8"


def truncation(body: bytes) -> str:
    """The mark that follows a payload which was cut."""
    return f"...[truncated: {len(body)} bytes in all]" if len(body) > CAP else ""


def _boundary(body: bytes) -> int:
    """Where to cut so that a character of UTF-8 stays whole."""
    return next((at for at in range(CAP, CAP - 4, -1) if body[at] & 0xC0 != 0x80), CAP)
