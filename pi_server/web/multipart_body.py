"""``multipart/form-data`` with fields of text; files are not taken (file upload is out of scope).

The body is in memory and bounded already, so it is split rather than streamed.  Strict: nothing stands before the first
boundary or behind the last one, and every part has a name.
"""

import re
from collections.abc import Iterator
from typing import Any

from pi_server.domain.faults import Detail, UnsupportedMediaType
from pi_server.web.form_body import bad_form, fields_of

MULTIPART = "multipart/form-data"
MAX_PARTS = 100
MAX_HEADERS = 16
MAX_HEADER_BYTES = 8192

_BOUNDARY = re.compile(r"""boundary=(?:"([0-9A-Za-z'()+_,./:=? -]{1,70})"|([0-9A-Za-z'+_.-]{1,70}))""", re.I)
_PARAMETER = re.compile(r';\s*([A-Za-z*]+)=(?:"((?:[^"\\]|\\.)*)"|([^\s";]+))\s*')
_UTF_8 = re.compile(r'text/plain(?:\s*;\s*charset="?(?:utf-8|us-ascii)"?)?', re.I)
_AS_IT_IS = frozenset({"7bit", "8bit", "binary"})


def parse_multipart(body: bytes, content_type: str, many: frozenset[str]) -> dict[str, Any]:
    """The fields of a form; those in ``many`` are lists.

    Raises:
        InvalidSyntax: no such form, cut, a field given twice, more than `MAX_PARTS` parts, `MAX_HEADERS` headers in a
            part or `MAX_HEADER_BYTES` bytes in one header.
        UnsupportedMediaType: a part is a file, or anything but text in UTF-8.
    """
    found = _BOUNDARY.search(content_type)
    if found is None:
        raise bad_form(Detail("body", "The content type names no boundary"))
    return fields_of(list(_fields(body, (found[1] or found[2]).encode())), many)


def _fields(body: bytes, boundary: bytes) -> Iterator[tuple[str, str]]:
    before, *parts = (b"\r\n" + body).split(b"\r\n--" + boundary, MAX_PARTS + 2)
    if len(parts) > MAX_PARTS + 1:
        raise bad_form(Detail("body", f"More than {MAX_PARTS} parts"))
    if before or not parts or parts[-1] not in (b"--", b"--\r\n"):
        raise bad_form(Detail("body", "Not enclosed by its boundary"))
    for part in parts[:-1]:
        head, blank, content = part.partition(b"\r\n\r\n")
        if not blank or not head.startswith(b"\r\n"):
            raise bad_form(Detail("body", "A part without headers"))
        yield _name(_headers(head[2:])), _text(content)


def _headers(head: bytes) -> dict[str, str]:
    lines = head.split(b"\r\n", MAX_HEADERS)
    if len(lines) > MAX_HEADERS or max(map(len, lines)) > MAX_HEADER_BYTES:
        raise bad_form(Detail("body", "The headers of a part are too many or too long"))
    pairs = [_text(line).partition(":") for line in lines]
    headers = {name.lower(): value.strip() for name, _, value in pairs}
    if len(headers) < len(pairs) or not all(colon and name.strip() == name for name, colon, _ in pairs):
        raise bad_form(Detail("body", "A malformed header of a part"))
    return headers


def _name(headers: dict[str, str]) -> str:
    """The name of a part that is text."""
    kind, semicolon, rest = headers.get("content-disposition", "").partition(";")
    parameters = _parameters(semicolon + rest)
    if kind.strip().lower() != "form-data" or "name" not in parameters:
        raise bad_form(Detail("body", "A part without a name"))
    if "filename" in parameters or "filename*" in parameters:
        raise UnsupportedMediaType(message="Files are not taken.")
    if not _UTF_8.fullmatch(headers.get("content-type", "text/plain")):
        raise UnsupportedMediaType(message="The parts of a form are text in UTF-8.")
    if headers.get("content-transfer-encoding", "8bit").lower() not in _AS_IT_IS:
        raise bad_form(Detail("body", "A part with a transfer encoding"))
    return parameters["name"]


def _parameters(text: str) -> dict[str, str]:
    found: dict[str, str] = {}
    at = 0
    while match := _PARAMETER.match(text, at):
        name, quoted, token = match.groups()
        if name.lower() in found:
            raise bad_form(Detail("body", "A malformed header of a part"))
        found[name.lower()] = token if quoted is None else re.sub(r"\\(.)", r"\1", quoted)
        at = match.end()
    if text[at:].strip("; "):
        raise bad_form(Detail("body", "A malformed header of a part"))
    return found


def _text(raw: bytes) -> str:
    try:
        return raw.decode()
    except UnicodeDecodeError:
        raise bad_form(Detail("body", "Not UTF-8")) from None
