"""What a person typed into a page's form, with a plain sentence beside each field that does not fit."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Annotated, Any, Generic, Self, TypeVar, get_args

from pydantic import BaseModel, SecretBytes, SecretStr, TypeAdapter, ValidationError, WrapValidator

from pi_server.domain.form_errors import errors_of, wire_fields

M = TypeVar("M", bound=BaseModel)
N = TypeVar("N", bound=BaseModel)


class Texts(dict[str, str]):
    """Texts by field; that of any other field is empty, so that a template need not ask first."""

    def __missing__(self, name: str) -> str:
        return ""


@dataclass(frozen=True)
class Form(Generic[M]):
    """A form as it was sent: an operation takes a ``form: Form[SignIn]`` and answers with a page or a redirect.

    ``value`` is the model, None when anything does not fit.  ``given`` is what was typed, to be shown again; secrets
    are not in it, nor fields that take several values.  ``errors`` has a sentence for each field that does not fit;
    the one of ``""`` is about the whole form.  ``Form()`` is an empty one, to be shown first.
    """

    value: M | None = None
    given: Mapping[str, str] = field(default_factory=dict[str, str])
    errors: Mapping[str, str] = field(default_factory=dict[str, str])

    def __post_init__(self) -> None:
        object.__setattr__(self, "given", Texts(self.given))
        object.__setattr__(self, "errors", Texts(self.errors))

    def with_error(self, name: str, text: str) -> Self:
        """The same form with ``text`` beside the field ``name``, or above the whole form for ``""``."""
        return replace(self, errors={**self.errors, name: text})

    @staticmethod
    def read(model: type[N], given: Mapping[str, Any]) -> "Form[N]":
        """The form of ``model`` sent with these fields, as the server reads it.

        Raises:
            pydantic.ValidationError: a field is none of the model's.
        """
        validate = TypeAdapter(model).validate_python
        return _read(model, given, validate if "extra" in model.model_config else partial(validate, extra="forbid"))

    @staticmethod
    def filled(value: N) -> "Form[N]":
        """The form that shows ``value``, to be changed."""
        secret = _secrets(type(value))
        shown = value.model_dump(mode="json", by_alias=True, exclude_none=True)
        texts = {name: _text(one) for name, one in shown.items() if not isinstance(one, list | dict)}
        return Form(value, {name: text for name, text in texts.items() if name not in secret})


def form_schema(model: type[BaseModel]) -> Any:
    """For pydantic: a type whose values are validated as ``model`` and become forms, whether they fit or not."""
    return Annotated[model, WrapValidator(partial(_read, model))]


def _read(model: type[M], sent: Any, validate: Callable[[Any], M]) -> Form[M]:
    """Validate what was sent; an empty field is one that was not filled in."""
    fields = {name: value for name, value in dict(sent).items() if value != ""}
    secret = _secrets(model)
    given = {name: text for name, text in fields.items() if isinstance(text, str) and name not in secret}
    try:
        return Form(validate(fields), given)
    except ValidationError as error:
        if any(wrong["type"] == "extra_forbidden" for wrong in error.errors(include_input=False)):
            raise  # nobody typed that: a program sends what the form does not have
        return Form(None, given, errors_of(model, error))


def _secrets(model: type[BaseModel]) -> frozenset[str]:
    return frozenset(name for name, field in wire_fields(model).items() if _is_secret(field.annotation))


def _is_secret(annotation: Any) -> bool:
    return annotation in (SecretStr, SecretBytes) or any(map(_is_secret, get_args(annotation)))


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
