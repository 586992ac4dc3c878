"""The rules of ``logs.mask`` as the configuration checks them: each one that cannot be used is told with its reason."""

from __future__ import annotations

from collections.abc import Callable

from pi_server.config.checks import refuse
from pi_server.domain import selectors


def _checked(read: Callable[[str], object]) -> Callable[[str], str]:
    def check(value: str) -> str:
        try:
            read(value)
        except ValueError as error:
            raise refuse(str(error)) from None
        return value

    return check


json_path = _checked(selectors.json_path)
xml_path = _checked(selectors.xml_path)
expression = _checked(selectors.expression)


def names_alone(value: object) -> object:
    """A list means names; nothing at all an empty section."""
    if value is None:
        return {}
    return {"names": value} if isinstance(value, list) else value  # pyright: ignore[reportUnknownVariableType] - of any kind
