"""The body of a SOAP answer, as the rules of a status map look into it."""

from collections.abc import Iterable, Iterator

from pi_server.domain.message import WireResponse
from pi_server.domain.selectors import Path, XmlStep
from pi_server.providers.inside import SEARCHED
from pi_server.providers.soap.xml import Element, local, parse_xml


class XmlInside:
    """A body that is XML, or is not and so has no places."""

    def __init__(self, response: WireResponse) -> None:
        """Parse the body; its text is that of all elements."""
        self._root: Element | None = None
        try:
            self._root = parse_xml(response.body)
        except ValueError:
            self.text = response.body[: 4 * SEARCHED].decode("utf-8", "replace")[:SEARCHED]
        else:
            self.text = " ".join(" ".join(map(str, self._root.itertext())).split())[:SEARCHED]

    def at(self, path: Path, /) -> Iterator[str]:
        """The values at a place, as text."""
        steps = [step for step in path if isinstance(step, XmlStep)]
        if self._root is None or len(steps) < len(path):
            return iter(())
        return _attributes(self._root.iter(), steps[0]) if steps[0].attribute else _selected([self._root], steps)


def _selected(elements: Iterable[Element], steps: list[XmlStep]) -> Iterator[str]:
    """The values of those among ``elements``, and below them, that the steps lead to."""
    step, rest = steps[0], steps[1:]
    for element in elements:
        if step.name in (None, local(element.tag)):
            yield from _below(element, rest)
        if step.deep:
            yield from _selected(element, steps)


def _below(element: Element, steps: list[XmlStep]) -> Iterator[str]:
    if not steps:
        yield "" if len(element) else (element.text or "").strip()
    elif not steps[0].attribute:
        yield from _selected(element, steps)
    else:
        yield from _attributes(element.iter() if steps[0].deep else (element,), steps[0])


def _attributes(elements: Iterable[Element], step: XmlStep) -> Iterator[str]:
    for element in elements:
        named = ((local(str(name)), str(value)) for name, value in element.items())
        yield from (value for name, value in named if step.name in (None, name))
