"""Secret values are replaced by ``***`` before anything is written."""

import re
from collections.abc import Container, Iterable
from urllib.parse import quote_plus, unquote_plus

from pi_server.audit.mask_json import JsonMask
from pi_server.audit.mask_parts import mask_parts, mask_told_pairs
from pi_server.audit.mask_patterns import Patterns
from pi_server.audit.mask_rules import Hit, MaskRules, Secrets, unheard
from pi_server.audit.mask_text import MASK, mask_elements, mask_pairs
from pi_server.audit.mask_xml import XmlMask
from pi_server.domain.message import Headers

_USER = re.compile(r"(?<=://)[^/?#@:\s]*+:[^/?#\s]*@")  # the first colon ends the name: else quadratic
_USER_IN_TEXT = re.compile(r"(?<=://)[^/?#@:\s\"<>]*+:[^/?#\s\"<>]*@")
_NO_RULES = MaskRules()
_PATHS, _SHORT = 512, 200  # how many paths are remembered, and the characters of the longest one


def _is_form(content_type: str) -> bool:
    return content_type.lower().startswith("application/x-www-form-urlencoded")


class Mask:
    """Knows what is secret, and finds it wherever it stands.

    JSON is read as JSON and otherwise left exactly as it was sent; so is plain XML where XPaths are declared.  All
    other text, broken JSON and XML included, is searched for elements and pairs: there the last name of a path counts.
    None of the methods raises or takes more than linear time.
    """

    def __init__(self, extra_names: Iterable[str] = (), rules: MaskRules = _NO_RULES, *, hit: Hit = unheard) -> None:
        """Treat ``extra_names`` and what ``rules`` select as secret, beside the well-known names.

        ``hit`` is told the rule, such as ``name password`` or ``json $..iban``, for each value that is masked.
        """
        self._secrets = Secrets(extra_names, rules, hit)
        self._patterns = Patterns(rules.patterns, rules.expressions, hit)
        names, number = self._secrets.everywhere, self._patterns.masked
        self._json = JsonMask(names, rules.json_paths, self.payload, number, hit, exact=bool(rules.regex))
        self._xml = XmlMask(rules.xml_paths, hit) if rules.xpath else None
        self._clean: set[str] = set()

    def header(self, name: str, value: str) -> str:
        """What to show for the value of a header."""
        return MASK if name in self._secrets.headers else self.payload(value)

    def message(self, headers: Headers, text: str, content_type: str = "") -> tuple[list[str], str]:
        """What to show for a whole message: its headers as ``Name=Value``, and its body."""
        lines = [f"{name}={value}" for name, value in headers]
        # one look at all of it, for most messages are clean; a form may spell its names with escapes
        if not self._suspected("\n".join((*lines, text))) and not _is_form(content_type):
            return lines, text
        return [f"{name}={self.header(name, value)}" for name, value in headers], self.payload(text, content_type)

    def query(self, target: str) -> str:
        """What to show for a path with a query, or a whole URL.

        Those without a query or a secret are remembered, for most requests ask for one of a few.
        """
        if target in self._clean:
            return target
        shown = self._query(target)
        if shown == target and len(target) <= _SHORT and "?" not in target:
            if len(self._clean) >= _PATHS:
                self._clean.clear()
            self._clean.add(target)
        return shown

    def _query(self, target: str) -> str:
        path, mark, query = target.partition("?")
        if "@" in path:
            path = _USER.sub(f"{MASK}@", path)
        if "=" in path:  # as in /account;jsessionid=...
            path = mask_pairs(path, self._secrets.query)
        return self._patterns.masked(path) + mark + self._form(query, self._secrets.query)

    def payload(self, text: str, content_type: str = "") -> str:
        """What to show for a body."""
        if _is_form(content_type):
            return self._form(text, self._secrets.form)
        if not self._suspected(text):
            return text
        masked = self._json.masked(text) if text.lstrip()[:1] in ("{", "[", '"') else None
        return self._text(text) if masked is None else masked

    def _suspected(self, text: str) -> bool:
        if text.isalnum():  # a name alone, without anything beside it, has no value
            return self._patterns.suspected(text)
        user = "@" in text and ("://" in text or ":\\/\\/" in text)
        return user or self._secrets.suspected(text) or self._patterns.suspected(text)

    def _text(self, text: str) -> str:
        """XML, and text of no known form."""
        secrets = self._secrets
        names = secrets.in_text
        if self._xml and "<" in text and (masked := self._xml.masked(text)) is not None:
            text, names = masked, secrets.in_xml
        elif self._xml:
            text = mask_elements(text, secrets.elements)
        text = mask_parts(mask_elements(text, secrets.everywhere), names)
        text = mask_pairs(mask_told_pairs(_USER_IN_TEXT.sub(f"{MASK}@", text), secrets.everywhere), names)
        return self._patterns.masked(text)

    def _form(self, text: str, names: Container[str]) -> str:
        if not text or ("%" not in text and not self._suspected(text)):
            return text
        masked = "&".join(self._field(field, names) for field in text.split("&"))
        return self.payload(masked) if '"' in masked or "<" in masked else masked  # then it is no form at all

    def _field(self, field: str, names: Container[str]) -> str:
        name, mark, value = field.partition("=")
        if name in names:
            return name + mark + (MASK if value else "")
        plain = unquote_plus(value)
        masked = self.payload(plain)
        return field if masked == plain else name + mark + quote_plus(masked, safe="*")
