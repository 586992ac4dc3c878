"""What an operation's signature asks for, read once when it is mounted."""

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

from pydantic import BaseModel, TypeAdapter

from pi_server.domain.call import Call
from pi_server.domain.form_errors import wire_fields
from pi_server.domain.forms import Form, form_schema
from pi_server.domain.operation import Body, Operation, Query
from pi_server.web.decimals import Decimals, has_decimal
from pi_server.web.route_table import variable_names

Source = Literal["path", "query", "body"]
_QUERY_VERBS = frozenset({"GET", "HEAD", "DELETE"})


@dataclass(frozen=True, slots=True)
class Parameter:
    """One argument of an operation: a single field, or (``whole``) a model, list or mapping that is the entire input.

    ``fields`` are the wire names and annotations of what it is filled from, empty for a list or mapping; ``from_path``
    are those among them that the path template names.  ``forbid`` tells whether unknown fields are refused,
    ``decimals`` finds those in its values, None where there are none.
    """

    name: str
    source: Source
    annotation: Any
    required: bool
    whole: bool
    adapter: TypeAdapter[Any]
    validate: Callable[..., Any]
    fields: Mapping[str, Any]
    from_path: tuple[str, ...]
    forbid: bool
    decimals: Decimals | None


def parameters_of(operation: Operation) -> tuple[Parameter, ...]:
    """The parameters after ``self`` and ``call``, in order.

    Raises:
        ValueError: the first ones are others, an annotation is missing or cannot be read, or nothing takes a variable
            of the path.
    """
    hints = _hints(operation)
    variables = variable_names(operation.path)
    parameters = list(inspect.signature(operation.method).parameters.values())
    if len(parameters) < 2 or not _takes_call(hints.get(parameters[1].name)):
        raise ValueError(f"{operation.name}: its first parameters are self and call: Call")
    declared = parameters[2:]
    for parameter in declared:
        if parameter.name not in hints:
            raise ValueError(f"{operation.name}: the parameter {parameter.name} has no type annotation")
    sources: dict[str, Source] = {p.name: _source(operation, p.name, hints[p.name], variables) for p in declared}
    found = tuple(_parameter(p, hints[p.name], sources, variables) for p in declared)
    known = {name for p in found for name in (p.from_path if p.whole else [p.name] if p.source == "path" else [])}
    if unused := [name for name in variables if name not in known]:
        raise ValueError(f"{operation.name}: no parameter takes {{{unused[0]}}} from the path {operation.path}")
    return found


def _hints(operation: Operation) -> dict[str, Any]:
    try:
        return get_type_hints(operation.method, include_extras=True)
    except NameError as error:
        raise ValueError(f"{operation.name}: an annotation cannot be read: {error}") from error


def _takes_call(annotation: Any) -> bool:
    """Whether a parameter may be the call; one that says nothing may."""
    return not isinstance(annotation, type) or issubclass(Call, annotation)


def _source(operation: Operation, name: str, annotation: Any, variables: tuple[str, ...]) -> Source:
    marks = getattr(annotation, "__metadata__", ())
    if Query in marks:
        return "query"
    if Body in marks:
        return "body"
    if name in variables:
        return "path"
    return "query" if operation.verb in _QUERY_VERBS else "body"


def _parameter(
    declared: inspect.Parameter, annotation: Any, sources: Mapping[str, Source], variables: tuple[str, ...]
) -> Parameter:
    source = sources[declared.name]
    alone = source != "path" and list(sources.values()).count(source) == 1
    whole = alone and _is_whole(annotation) and (source == "body" or not is_many(annotation))
    fields = _model_fields(annotation) if whole else {declared.name: annotation}
    form = _form_model(annotation)
    adapter: TypeAdapter[Any] = TypeAdapter(form_schema(form) if form else annotation)
    return Parameter(
        name=declared.name,
        source=source,
        annotation=annotation,
        required=declared.default is inspect.Parameter.empty,
        whole=whole,
        adapter=adapter,
        validate=adapter.validator.validate_python,
        fields=fields,
        from_path=tuple(name for name in variables if whole and name in fields),
        forbid=_forbids_unknown(annotation),
        decimals=Decimals(adapter.core_schema) if has_decimal(adapter.core_schema) else None,
    )


def plain(annotation: Any) -> Any:
    """The annotation without ``Annotated`` and ``| None``."""
    while get_origin(annotation) is Annotated:
        annotation = get_args(annotation)[0]
    if get_origin(annotation) in (Union, UnionType):
        options = [option for option in get_args(annotation) if option is not NoneType]
        return plain(options[0]) if len(options) == 1 else annotation
    return annotation


def is_many(annotation: Any) -> bool:
    """Whether a field takes several values of a query."""
    kind = get_origin(plain(annotation)) or plain(annotation)
    several = (list, tuple, set, frozenset, Sequence)
    return isinstance(kind, type) and issubclass(kind, several) and not issubclass(kind, (str, bytes))


def _is_whole(annotation: Any) -> bool:
    """Whether one parameter of this type stands for the entire input: a model, a form, a list or a mapping."""
    kind = get_origin(plain(annotation)) or plain(annotation)
    return isinstance(kind, type) and issubclass(kind, (BaseModel, Form, list, dict, Mapping))


def _form_model(annotation: Any) -> type[BaseModel] | None:
    """The model of a form; None for anything else."""
    asked = plain(annotation)
    return get_args(asked)[0] if get_origin(asked) is Form else None


def _model_fields(annotation: Any) -> dict[str, Any]:
    model = _form_model(annotation) or plain(annotation)
    if not (isinstance(model, type) and issubclass(model, BaseModel)):
        return {}
    return {name: field.annotation for name, field in wire_fields(model).items()}


def _forbids_unknown(annotation: Any) -> bool:
    """Unknown fields are refused unless the model itself says what to do with them."""
    model = plain(annotation)
    inner = [model, *map(plain, get_args(model))]
    return not any(isinstance(m, type) and issubclass(m, BaseModel) and "extra" in m.model_config for m in inner)
