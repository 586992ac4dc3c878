"""What an operator declares secret, compiled once."""

from __future__ import annotations

import re
from collections.abc import Callable, Container, Iterable
from dataclasses import dataclass

from pi_server.audit.secret_names import GivenNames, SecretNames
from pi_server.domain.selectors import JsonPath, XmlPath, expression, json_path, xml_path

Hit = Callable[[str], None]
"""Told of each rule when it masks a value."""


def unheard(_rule: str) -> None:
    """Tell nobody."""


@dataclass(frozen=True, slots=True)
class MaskRules:
    """The rules of ``logs.mask`` that are more than names; ``regex`` holds names and expressions."""

    json: tuple[str, ...] = ()
    xpath: tuple[str, ...] = ()
    headers: tuple[str, ...] = ()
    form: tuple[str, ...] = ()
    query: tuple[str, ...] = ()
    patterns: tuple[str, ...] = ("card", "iban")
    regex: tuple[tuple[str, str], ...] = ()

    @property
    def json_paths(self) -> dict[str, JsonPath]:
        """The JSON paths, by the rules they come from."""
        return {f"json {text}": json_path(text) for text in self.json}

    @property
    def xml_paths(self) -> dict[str, XmlPath]:
        """The XPaths, by the rules they come from."""
        return {f"xpath {text}": xml_path(text) for text in self.xpath}

    @property
    def expressions(self) -> dict[str, re.Pattern[str]]:
        """The expressions, by their names."""
        return {name: expression(text) for name, text in self.regex}

    @property
    def json_names(self) -> tuple[str, ...]:
        """The last name of each JSON path."""
        return tuple([[s.key for s in path if isinstance(s.key, str)][-1] for path in self.json_paths.values()])

    @property
    def element_names(self) -> tuple[str, ...]:
        """The last name of each XPath to an element."""
        return tuple([steps[-1].name or "" for steps in self._named() if not steps[-1].attribute])

    @property
    def attribute_names(self) -> tuple[str, ...]:
        """The last name of each XPath to an attribute."""
        return tuple([steps[-1].name or "" for steps in self._named() if steps[-1].attribute])

    def _named(self) -> list[XmlPath]:
        """Each XPath up to its last name."""
        return [tuple(step for step in path if step.name) for path in self.xml_paths.values()]


class Names:
    """Names of any of several kinds; ``hit`` is told of each that is found, under its kind."""

    def __init__(self, hit: Hit, **kinds: Container[str]) -> None:
        self._kinds = tuple(kinds.items())
        self._hit = hit

    def __contains__(self, name: object) -> bool:
        """Whether ``name`` is secret in any of the kinds."""
        if not isinstance(name, str):
            return False
        for kind, names in self._kinds:
            if name in names:
                self._hit(f"{kind} {name}")
                return True
        return False


class Secrets:
    """The secret names of each place, and a quick look whether a text holds any."""

    def __init__(self, extra: Iterable[str], rules: MaskRules, hit: Hit) -> None:
        known = SecretNames(extra, _related(rules))
        header, form, query = GivenNames(rules.headers), GivenNames(rules.form), GivenNames(rules.query)
        elements, attributes = GivenNames(rules.element_names), GivenNames(rules.attribute_names)
        beside = {"json": GivenNames(rules.json_names), "header": header, "form": form, "query": query}
        self.suspected = known.suspected
        self.everywhere = Names(hit, name=known)
        self.headers = Names(hit, name=known, header=header)
        self.form = Names(hit, name=known, form=form)
        self.query = Names(hit, name=known, query=query)
        self.in_xml = Names(hit, name=known, **beside)
        self.in_text = Names(hit, name=known, **beside, xpath=Names(unheard, element=elements, attribute=attributes))
        self.elements = Names(hit, xpath=elements)


def _related(rules: MaskRules) -> tuple[str, ...]:
    """All names whose values some rule may mask."""
    names = (*rules.json_names, *rules.element_names, *rules.attribute_names)
    return (*names, *rules.headers, *rules.form, *rules.query)
