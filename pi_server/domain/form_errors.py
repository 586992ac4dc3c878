"""Plain sentences for people, in the place of pydantic's for programmers."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, get_args

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core.core_schema import ErrorType

_MISSING = "Please fill this in."
_OTHER = "This does not fit."
_SENTENCES = {
    "missing": _MISSING,
    "string_too_short": "Please use at least {min_length} characters.",
    "string_too_long": "Please use at most {max_length} characters.",
    "string_pattern_mismatch": "This does not have the right form.",
    "greater_than": "This must be more than {gt}.",
    "greater_than_equal": "This must be at least {ge}.",
    "less_than": "This must be less than {lt}.",
    "less_than_equal": "This must be at most {le}.",
    "multiple_of": "This must be a multiple of {multiple_of}.",
    "finite_number": "Please enter a number.",
    "decimal_max_digits": "Please use at most {max_digits} digits.",
    "decimal_max_places": "Please use at most {decimal_places} decimal places.",
    "decimal_whole_digits": "Please use at most {whole_digits} digits before the point.",
    "too_short": "Please choose at least {min_length}.",
    "too_long": "Please choose at most {max_length}.",
    "enum": "Please choose one of those offered.",
    "literal_error": "Please choose one of those offered.",
    "date_past": "This must be a day in the past.",
    "date_future": "This must be a day in the future.",
}
_BY_KIND = {
    "int": "Please enter a whole number.",
    "float": "Please enter a number.",
    "decimal": "Please enter a number.",
    "bool": "Please answer yes or no.",
    "date": "Please enter a date such as 2026-01-31.",
    "time": "Please enter a time such as 14:30.",
    "datetime": "Please enter a date and time such as 2026-01-31T14:30.",
    "url": "Please enter a web address.",
}
_AUTHORS = frozenset({"value_error", "assertion_error"})
_PYDANTICS = frozenset(get_args(ErrorType)) - _AUTHORS


@dataclass(frozen=True, slots=True)
class ErrorText:
    """What to say when a field does not fit: ``Annotated[str, Field(pattern=...), ErrorText("Small letters only.")]``.

    A field that was not filled in is told as ever.
    """

    text: str


def wire_fields(model: type[BaseModel]) -> dict[str, FieldInfo]:
    """The fields of a model by the names they are sent under."""
    return {str(field.validation_alias or field.alias or name): field for name, field in model.model_fields.items()}


def errors_of(model: type[BaseModel], error: ValidationError) -> dict[str, str]:
    """The first sentence for each field, in the author's words where there are any; ``""`` is the whole form."""
    found: dict[str, str] = {}
    own = dict(_own_texts(model))
    for wrong in error.errors(include_url=False, include_input=False):
        name = str(wrong["loc"][0]) if wrong["loc"] else ""
        text = own.get(name) if wrong["type"] != "missing" else None
        found.setdefault(name, text or _sentence(wrong["type"], wrong["msg"], wrong.get("ctx", {})))
    return found


def _own_texts(model: type[BaseModel]) -> Iterable[tuple[str, str]]:
    for name, field in wire_fields(model).items():
        inside = (mark for option in get_args(field.annotation) for mark in getattr(option, "__metadata__", ()))
        for mark in (*field.metadata, *inside):  # ``Annotated[...]``, and ``Annotated[...] | None``
            if isinstance(mark, ErrorText):
                yield name, mark.text


def _sentence(kind: str, message: str, context: Mapping[str, Any]) -> str:
    if kind in _AUTHORS:
        return str(context.get("error", message)) or _OTHER
    if kind not in _PYDANTICS:
        return message  # a `PydanticCustomError` of the author's
    if context.get("field_type") == "Value":  # of a secret, whose length pydantic counts like a list's
        kind = f"string_{kind}"
    if kind == "string_too_short" and context["min_length"] == 1:
        return _MISSING
    if kind in _SENTENCES:
        return _SENTENCES[kind].format_map(context)
    return _BY_KIND.get(kind.partition("_")[0], _OTHER)
