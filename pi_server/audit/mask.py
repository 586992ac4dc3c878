"""Secret values are replaced by ``***`` before anything is written."""

import re
from collections.abc import Iterable
from json import JSONDecoder, loads
from urllib.parse import quote_plus, unquote_plus

from pi_server.audit.mask_text import MASK, mask_elements, mask_pairs
from pi_server.audit.one_line import quoted
from pi_server.audit.secret_names import SecretNames
from pi_server.domain.message import Headers

_JSON = JSONDecoder(parse_int=str, parse_float=str, strict=False)  # numbers stay text: only their place matters
_STRING = re.compile(r'"([^"\\]*+(?:\\.[^"\\]*+)*+)"(\s*+:\s*+)?', re.DOTALL)
_USER = re.compile(r"(?<=://)[^/?#@:\s]*+:[^/?#\s]*@")  # the first colon ends the name: else quadratic


def _is_form(content_type: str) -> bool:
    return content_type.lower().startswith("application/x-www-form-urlencoded")


def _unescaped(content: str) -> str:
    return str(loads(f'"{content}"', strict=False)) if "\\" in content else content


class Mask:
    """Knows secret names, and finds their values wherever they stand.

    JSON is read as JSON and otherwise left exactly as it was sent; all other text, broken JSON and XML included, is
    searched for elements and pairs.  None of the methods raises or takes more than linear time.
    """

    def __init__(self, extra_names: Iterable[str] = ()) -> None:
        """Treat ``extra_names`` as secret, beside the well-known ones."""
        self._names = SecretNames(extra_names)

    def header(self, name: str, value: str) -> str:
        """What to show for the value of a header."""
        return MASK if name in self._names else self.payload(value)

    def message(self, headers: Headers, text: str, content_type: str = "") -> tuple[list[str], str]:
        """What to show for a whole message: its headers as ``Name=Value``, and its body."""
        lines = [f"{name}={value}" for name, value in headers]
        # one look at all of it, for most messages are clean; a form may spell its names with escapes
        if not self._names.suspected("\n".join((*lines, text))) and not _is_form(content_type):
            return lines, text
        return [f"{name}={self.header(name, value)}" for name, value in headers], self.payload(text, content_type)

    def query(self, target: str) -> str:
        """What to show for a path with a query, or a whole URL."""
        path, mark, query = target.partition("?")
        if "@" in path:
            path = _USER.sub(f"{MASK}@", path)
        if "=" in path:  # as in /account;jsessionid=...
            path = mask_pairs(path, self._names)
        return path + mark + self._form(query)

    def payload(self, text: str, content_type: str = "") -> str:
        """What to show for a body."""
        if _is_form(content_type):
            return self._form(text)
        if not self._names.suspected(text):
            return text
        masked = self._json(text) if text.lstrip()[:1] in ("{", "[", '"') else None
        return mask_pairs(mask_elements(text, self._names), self._names) if masked is None else masked

    def _form(self, text: str) -> str:
        if not text or ("%" not in text and not self._names.suspected(text)):
            return text
        masked = "&".join(self._field(field) for field in text.split("&"))
        return self.payload(masked) if '"' in masked or "<" in masked else masked  # then it is no form at all

    def _field(self, field: str) -> str:
        name, mark, value = field.partition("=")
        if name in self._names:
            return name + mark + (MASK if value else "")
        plain = unquote_plus(value)
        masked = self.payload(plain)
        return field if masked == plain else name + mark + quote_plus(masked, safe="*")

    def _json(self, text: str) -> str | None:
        """``text`` masked, or None when it is not JSON."""
        try:
            _JSON.decode(text)
            return self._json_masked(text)
        except (ValueError, RecursionError):
            return None

    def _json_masked(self, text: str) -> str:
        parts: list[str] = []
        at = done = 0
        while match := _STRING.search(text, at):
            at, shown = self._token(text, match)
            if shown is not None:
                parts += (text[done : match.start()], shown)
                done = at
        return "".join((*parts, text[done:]))

    def _token(self, text: str, match: re.Match[str]) -> tuple[int, str | None]:
        """Where to go on after a name or string, and what to show up to there if not what stands there."""
        content, colon = match.groups()
        if colon is None:
            return match.end(), self._nested(content)
        if _unescaped(content) not in self._names:
            return match.end(), None
        return _JSON.raw_decode(text, match.end())[1], f'{match[0]}"{MASK}"'

    def _nested(self, content: str) -> str | None:
        """A JSON string whose text is masked in its turn, or None when nothing in it is secret."""
        text = _unescaped(content)
        masked = self.payload(text)
        return None if masked == text else quoted(masked)
