"""Masking values whose name stands beside them: parts of a multipart body, and pairs told as two members."""

import re
from collections.abc import Container

from pi_server.audit.mask_json import HOLDING, NAMING
from pi_server.audit.mask_text import ESCAPED_QUOTE, MASK, content_shown, element_end, mask_values

# --- multipart: the name is in the head of a part, the value in its body ---------------------------------------------

_DISPOSITION = re.compile(r"content-disposition:[^\r\n]*?[;\s]name\*?=\"?([^\"\r\n;]*+)[^\r\n]*+", re.IGNORECASE)
_HEAD_END = re.compile(r"\r?\n\r?\n")
_BOUNDARY = re.compile(r"^--([^\s]++)[ \t]*+$", re.MULTILINE)


def mask_parts(text: str, names: Container[str]) -> str:
    """``text`` with the body of each part replaced that belongs to a secret field."""
    if "content-disposition" not in text.lower():
        return text
    boundary = _BOUNDARY.search(text.replace("\r\n", "\n"))
    parts: list[str] = []
    at = done = 0
    while match := _DISPOSITION.search(text, at):
        at = match.end()
        if match[1] in names:
            start = head.end() if (head := _HEAD_END.search(text, at)) else at
            end = text.find(f"\n--{boundary[1]}", start - 1) if boundary else -1
            at = len(text) if end < 0 else max(end - (text[end - 1 : end] == "\r"), start)
            parts += (text[done:start], MASK if at > start else "")
            done = at
    return "".join((*parts, text[done:]))


# --- name="password" value="...", <param name="password">...</param>, <Name>password</Name><Value>...</Value>,
# --- ('password', '...') ---------------------------------------------------------------------------------------------

_NAMING, _HOLDING = "|".join(sorted(NAMING)), "|".join(sorted(HOLDING))
_Q = rf"(?:\\*+[\"']|{ESCAPED_QUOTE})"
_TAG = re.compile(r"""<([\w.:-]++)(?:[^<>"']|"[^"<]*+"|'[^'<]*+')*+>""")
_EMPTY = frozenset({"input", "meta", "link", "img"})  # of HTML: nobody closes them
_NAMED_IN_TAG = re.compile(rf"""\s(?:{_NAMING})\s*+=\s*+["']([\w.:\[\]-]++)["']""", re.IGNORECASE)
_HELD_IN_TAG = re.compile(rf"""(\s(?:{_HOLDING})\s*+=\s*+)("[^"]*+"|'[^']*+')""", re.IGNORECASE)
_IN_ELEMENTS = re.compile(
    rf"<(?:[\w.-]++:)?(?:{_NAMING})>\s*+([\w.:\[\]-]++)\s*+</(?:[\w.-]++:)?(?:{_NAMING})>\s*+"
    rf"<((?:[\w.-]++:)?(?:{_HOLDING}))(?:\s[^<>]*+)?>",
    re.IGNORECASE,
)
_IN_TEXT = re.compile(
    rf"(?<![\w-])(?:{_NAMING}){_Q}?\s*+(?:=>?|:)\s*+{_Q}?([\w.:\[\]-]++){_Q}?[\s,;]*+"
    rf"{_Q}?(?:{_HOLDING}){_Q}?\s*+(:=?|=+>?)\s*+",
    re.IGNORECASE,
)
_IN_TUPLE = re.compile(r"\(b?[\"']([\w-]++)[\"'](,)\s*+b?(?=[\"'])")


def mask_told_pairs(text: str, names: Container[str]) -> str:
    """``text`` with each value replaced whose name is told as a value beside it."""
    if "<" in text:
        text = _in_elements(_in_tags(text, names), names)
    for form in (_IN_TEXT, _IN_TUPLE):
        text = mask_values(text, form, names)
    return text


def _in_tags(text: str, names: Container[str]) -> str:
    """``text`` without the values, and the content, of elements that an attribute gives a secret name."""
    parts: list[str] = []
    at = done = 0
    while tag := _TAG.search(text, at):
        at = tag.end()
        named = _NAMED_IN_TAG.search(tag[0])
        if named and named[1] in names:
            is_empty = tag[0].endswith("/>") or tag[1].lower() in _EMPTY
            end = at if is_empty else element_end(text, at, "<", tag[1])[0]
            shown = _HELD_IN_TAG.sub(rf'\1"{MASK}"', tag[0])
            parts += (text[done : tag.start()], shown, content_shown(text[at:end]) if end > at else "")
            at = done = end
    return "".join((*parts, text[done:]))


def _in_elements(text: str, names: Container[str]) -> str:
    parts: list[str] = []
    at = done = 0
    while match := _IN_ELEMENTS.search(text, at):
        at = match.end()
        if match[1] in names:
            end = text.find(f"</{match[2]}", at)
            parts += (text[done:at], MASK)
            at = done = len(text) if end < 0 else end
    return "".join((*parts, text[done:]))
