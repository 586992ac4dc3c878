"""From an operation's signature to its typed arguments.

The rule: names in the path template come from the path; the rest from the query for GET, HEAD and DELETE, from the body
otherwise (``Annotated[..., Query]`` and ``Annotated[..., Body]`` are the exceptions).  A field given in two places is a
fault, and everything unknown, missing or of the wrong type is told at once.
"""

import inspect
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, cast, get_args, get_origin, get_type_hints

from pydantic import BaseModel, TypeAdapter, ValidationError

from pi_server.domain.faults import Detail, InvalidInput, details_of
from pi_server.domain.operation import Body, Operation, Query
from pi_server.web.json_body import MAX_DIGITS, is_absurd, is_object
from pi_server.web.route_table import variable_names

Source = Literal["path", "query", "body"]
_QUERY_VERBS = frozenset({"GET", "HEAD", "DELETE"})


@dataclass(frozen=True, slots=True)
class Parameter:
    """One argument of an operation: a single field, or (``whole``) a model or list that is the entire input."""

    name: str
    source: Source
    annotation: Any
    required: bool
    whole: bool
    adapter: TypeAdapter[Any]
    forbid: bool

    @property
    def fields(self) -> dict[str, Any]:
        """Wire name and annotation of each field this parameter is filled from; empty for a list or mapping."""
        if not self.whole:
            return {self.name: self.annotation}
        model = plain(self.annotation)
        if isinstance(model, type) and issubclass(model, BaseModel):
            return {str(f.validation_alias or f.alias or name): f.annotation for name, f in model.model_fields.items()}
        return {}


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
    origin = get_origin(plain(annotation)) or plain(annotation)
    return (
        isinstance(origin, type)
        and issubclass(origin, (list, tuple, set, frozenset, Sequence))
        and origin not in (str, bytes)
    )


def _is_whole(annotation: Any) -> bool:
    """Whether one parameter of this type stands for the entire body: a model, a list or a mapping."""
    kind = get_origin(plain(annotation)) or plain(annotation)
    return isinstance(kind, type) and issubclass(kind, (BaseModel, list, dict, Mapping))


def _forbids_unknown(annotation: Any) -> bool:
    """Unknown fields are refused unless the model itself says what to do with them."""
    model = plain(annotation)
    inner = [model, *map(plain, get_args(model))]
    return not any(isinstance(m, type) and issubclass(m, BaseModel) and "extra" in m.model_config for m in inner)


class Inputs:
    """The compiled signature of one operation."""

    def __init__(self, operation: Operation) -> None:
        """Read the method's annotations.

        Raises:
            ValueError: a parameter lacks an annotation, or a path variable has no parameter.
        """
        self._variables = variable_names(operation.path)
        self.parameters = tuple(self._parameters(operation))
        self.takes_body = any(parameter.source == "body" for parameter in self.parameters)
        self._query = {n: is_many(a) for p in self.parameters if p.source == "query" for n, a in p.fields.items()}
        self._wholes = {p.source: p for p in self.parameters if p.whole}  # at most one for query and one for body
        self._check_variables(operation)

    def _parameters(self, operation: Operation) -> list[Parameter]:
        hints = get_type_hints(operation.method, include_extras=True)
        declared = list(inspect.signature(operation.method).parameters.values())[2:]
        default: Source = "query" if operation.verb in _QUERY_VERBS else "body"
        chosen: list[tuple[inspect.Parameter, Any, Source]] = [
            (p, hints.get(p.name), self._source(p.name, hints.get(p.name), default)) for p in declared
        ]
        found: list[Parameter] = []
        for parameter, annotation, source in chosen:
            if annotation is None:
                raise ValueError(f"{operation.name}: the parameter {parameter.name} has no type annotation")
            alone = sum(other == source for _, _, other in chosen) == 1
            found.append(
                Parameter(
                    name=parameter.name,
                    source=source,
                    annotation=annotation,
                    required=parameter.default is inspect.Parameter.empty,
                    whole=source != "path"
                    and alone
                    and _is_whole(annotation)
                    and (source == "body" or not is_many(annotation)),
                    adapter=TypeAdapter(annotation),
                    forbid=_forbids_unknown(annotation),
                )
            )
        return found

    def _source(self, name: str, annotation: Any, default: Source) -> Source:
        marks = getattr(annotation, "__metadata__", ())
        if Query in marks:
            return "query"
        if Body in marks:
            return "body"
        return "path" if name in self._variables else default

    def _check_variables(self, operation: Operation) -> None:
        known = {p.name for p in self.parameters if p.source == "path"}.union(
            *(p.fields for p in self._wholes.values())
        )
        if unused := [name for name in self._variables if name not in known]:
            raise ValueError(f"{operation.name}: no parameter takes {{{unused[0]}}} from the path {operation.path}")

    def arguments(self, path: Mapping[str, str], query: Mapping[str, list[str]], body: Any) -> dict[str, Any]:
        """The validated keyword arguments.

        ``body`` is the parsed document, or None where there was none.

        Raises:
            InvalidInput: with every problem of path, query and body.
        """
        problems: list[Detail] = []
        given = self._from_query(query, problems)
        fields = self._from_body(body, problems)
        self._refuse_doubles(path, given, fields, problems)
        found: dict[str, Any] = {}
        for parameter in self.parameters:
            raw = self._raw(parameter, path, given, fields, body)
            self._validate(parameter, raw, found, problems)
        if problems:
            raise InvalidInput(details=tuple(problems))
        return found

    def _from_query(self, query: Mapping[str, list[str]], problems: list[Detail]) -> dict[str, Any]:
        given: dict[str, Any] = {}
        whole = self._wholes.get("query")
        open_query = whole is not None and not (whole.forbid and whole.fields)
        for name, values in query.items():
            if name not in self._query and name not in self._variables and not open_query:
                problems.append(Detail(name, "Unknown in the query"))
            elif self._query.get(name):
                given[name] = values
            elif len(values) > 1:
                problems.append(Detail(name, f"Given {len(values)} times in the query"))
            else:
                given[name] = values[0]
        return given

    def _from_body(self, body: Any, problems: list[Detail]) -> dict[str, Any]:
        """The body's fields by name, where the body is an object whose fields are known one by one."""
        fields = body if is_object(body) else {}
        if "body" in self._wholes or body is None:
            return fields
        if not is_object(body):
            problems.append(Detail("body", "Input should be an object"))
        known = {p.name for p in self.parameters if p.source == "body"}
        problems.extend(Detail(name, "Unknown in the body") for name in fields if name not in known)
        return fields

    def _refuse_doubles(
        self, path: Mapping[str, str], query: Mapping[str, Any], body: Mapping[str, Any], problems: list[Detail]
    ) -> None:
        for first, one, second, other in (
            ("path", path, "query", query),
            ("path", path, "body", body),
            ("query", query, "body", body),
        ):
            problems.extend(Detail(n, f"Given in the {first} and in the {second}") for n in one if n in other)

    def _raw(
        self, parameter: Parameter, path: Mapping[str, str], query: dict[str, Any], fields: dict[str, Any], body: Any
    ) -> Any:
        """What a parameter is validated from; `_ABSENT` when nothing was given."""
        if not parameter.whole:
            return {"path": path, "query": query, "body": fields}[parameter.source].get(parameter.name, _ABSENT)
        given = query if parameter.source == "query" else body
        own = {name: path[name] for name in path if name in parameter.fields}
        if parameter.source == "query" and not (given or own or parameter.required):
            return _ABSENT  # so that the default counts
        if given is None and (own or (parameter.required and parameter.fields)):
            return own  # validated although nothing came, so that all missing fields are named
        if own and is_object(given):
            return {**given, **own}
        return _ABSENT if given is None else given

    def _validate(self, parameter: Parameter, raw: Any, found: dict[str, Any], problems: list[Detail]) -> None:
        prefix = "" if parameter.whole else parameter.name
        if raw is _ABSENT:
            if parameter.required:
                problems.append(Detail(prefix or "body", "Field required"))
            return
        try:
            value = parameter.adapter.validate_python(raw, extra="forbid" if parameter.forbid else None)
        except ValidationError as error:
            listed = details_of(error.errors(include_url=False, include_input=False, include_context=False))
            problems.extend(Detail(".".join(filter(None, (prefix, d.path))) or "body", d.reason) for d in listed)
            return
        if absurd := next(_absurd_decimals(value, prefix), None):
            problems.append(
                Detail(absurd or "body", f"More than {MAX_DIGITS} digits or an exponent beyond {MAX_DIGITS}")
            )
        found[parameter.name] = value


_ABSENT: Any = object()


def _absurd_decimals(value: Any, path: str) -> Iterator[str]:
    """Paths of decimals that came as text and are too long to be meant."""
    if isinstance(value, Decimal):
        if is_absurd(value):
            yield path
        return
    for name, item in _parts(value):
        yield from _absurd_decimals(item, f"{path}.{name}" if path else name)


def _parts(value: Any) -> Iterable[tuple[str, Any]]:
    if isinstance(value, BaseModel):
        return value.__dict__.items()
    if is_object(value):
        return value.items()
    if isinstance(value, (list, tuple, set, frozenset)):
        return ((str(index), item) for index, item in enumerate(cast("Iterable[Any]", value)))
    return ()
