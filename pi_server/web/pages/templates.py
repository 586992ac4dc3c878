"""Jinja2 as pages use it: everything is escaped, nothing undefined passes, all is compiled before the first request."""

from collections.abc import Iterator, Mapping
from typing import Any

from jinja2 import DictLoader, Environment, StrictUndefined, TemplateSyntaxError, meta


class Templates:
    """The templates of one package."""

    def __init__(self, sources: Mapping[str, str]) -> None:
        """Take their sources by name; `problems` compiles them."""
        self._sources = sources
        self._environment = Environment(
            autoescape=True,
            auto_reload=False,
            cache_size=-1,  # all of them stay compiled
            loader=DictLoader(sources),
            lstrip_blocks=True,
            trim_blocks=True,
            undefined=StrictUndefined,
        )

    def problems(self) -> list[tuple[str, str]]:
        """Compile all; the file and line of each mistake, and what it is."""
        return [problem for name in self._sources for problem in self._wrong(name)]

    def render(self, template: str, values: Mapping[str, Any]) -> str:
        """The HTML of ``template`` filled with ``values``.

        Raises:
            jinja2.TemplateError: there is no such template, or something in it is undefined.
        """
        return self._environment.get_template(template).render(values)

    def _wrong(self, name: str) -> Iterator[tuple[str, str]]:
        try:
            self._environment.get_template(name)
        except TemplateSyntaxError as error:
            yield f"templates/{name}:{error.lineno}", error.message or "cannot be compiled"
            return
        for other in meta.find_referenced_templates(self._environment.parse(self._sources[name])):
            if other is not None and other not in self._sources:
                yield f"templates/{name}", f"names {other}, which does not exist"
