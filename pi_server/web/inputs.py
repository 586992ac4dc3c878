"""From path, query and body to an operation's typed arguments.

The rule: names in the path template come from the path; the rest from the query for GET, HEAD and DELETE, from the body
otherwise (``Annotated[..., Query]`` and ``Annotated[..., Body]`` are the exceptions).  A field given in two places is a
fault, and everything unknown, missing or of the wrong type is told at once.
"""

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from pi_server.domain.faults import Detail, InvalidInput, details_of
from pi_server.domain.operation import Operation
from pi_server.web.json_body import MAX_DIGITS, is_object
from pi_server.web.parameters import Parameter, is_many, parameters_of
from pi_server.web.route_table import variable_names

_ABSENT: Any = object()
_ABSURD = f"More than {MAX_DIGITS} digits or an exponent beyond {MAX_DIGITS}"


class Inputs:
    """The compiled signature of one operation."""

    def __init__(self, operation: Operation) -> None:
        """Read the method's annotations.

        Raises:
            ValueError: the signature cannot be served.
        """
        self.parameters = parameters_of(operation)
        self.takes_body = any(parameter.source == "body" for parameter in self.parameters)
        self._variables = frozenset(variable_names(operation.path))
        self._query = {n: is_many(a) for p in self.parameters if p.source == "query" for n, a in p.fields.items()}
        self._open_query = any(p.whole and p.source == "query" and not (p.forbid and p.fields) for p in self.parameters)
        self._body = frozenset(p.name for p in self.parameters if p.source == "body" and not p.whole)
        self._whole_body = any(p.whole and p.source == "body" for p in self.parameters)

    def arguments(self, path: Mapping[str, str], query: Mapping[str, list[str]], body: Any) -> dict[str, Any]:
        """The validated keyword arguments.

        ``body`` is the parsed document, or None where there was none.

        Raises:
            InvalidInput: with every problem of path, query and body.
        """
        problems: list[Detail] = []
        given = self._from_query(query, problems) if query else {}
        fields = self._from_body(body, problems) if body is not None else {}
        _refuse_doubles(path, given, fields, problems)
        found: dict[str, Any] = {}
        for parameter in self.parameters:
            if parameter.whole:
                raw = _whole(parameter, path, given if parameter.source == "query" else body)
            else:
                source = path if parameter.source == "path" else given if parameter.source == "query" else fields
                raw = source.get(parameter.name, _ABSENT)
            _validate(parameter, raw, found, problems)
        if problems:
            raise InvalidInput(details=tuple(problems))
        return found

    def _from_query(self, query: Mapping[str, list[str]], problems: list[Detail]) -> dict[str, Any]:
        """Single values, except where a field takes many."""
        given: dict[str, Any] = {}
        for name, values in query.items():
            if name not in self._query and name not in self._variables and not self._open_query:
                problems.append(Detail(name, "Unknown in the query"))
            elif self._query.get(name):
                given[name] = values
            elif len(values) > 1:
                problems.append(Detail(name, f"Given {len(values)} times in the query"))
            else:
                given[name] = values[0]
        return given

    def _from_body(self, body: Any, problems: list[Detail]) -> dict[str, Any]:
        """The fields of a body that is an object."""
        fields = body if is_object(body) else {}
        if not self._whole_body:
            if not is_object(body):
                problems.append(Detail("body", "Input should be an object"))
            problems.extend(Detail(name, "Unknown in the body") for name in fields if name not in self._body)
        return fields


def _refuse_doubles(
    path: Mapping[str, Any], query: Mapping[str, Any], body: Mapping[str, Any], problems: list[Detail]
) -> None:
    if (path and (query or body)) or (query and body):
        problems.extend(Detail(name, "Given in the path and in the query") for name in path if name in query)
        problems.extend(Detail(name, "Given in the path and in the body") for name in path if name in body)
        problems.extend(Detail(name, "Given in the query and in the body") for name in query if name in body)


def _whole(parameter: Parameter, path: Mapping[str, str], given: Any) -> Any:
    """What a parameter that is the entire query or body is validated from; `_ABSENT` lets its default count."""
    if given is None and not parameter.fields:
        return _ABSENT
    own = {name: path[name] for name in parameter.from_path} if parameter.from_path else {}
    came = own or given or (given is not None and parameter.source == "body")
    if not came and not parameter.required:
        return _ABSENT
    if own and is_object(given):
        return {**given, **own}
    return own if given is None else given  # validated even if empty, so that all missing fields are named


def _validate(parameter: Parameter, raw: Any, found: dict[str, Any], problems: list[Detail]) -> None:
    prefix = "" if parameter.whole else parameter.name
    if raw is _ABSENT:
        if parameter.required:
            problems.append(Detail(prefix or "body", "Field required"))
        return
    try:
        value = parameter.validate(raw, extra="forbid" if parameter.forbid else None)
    except ValidationError as error:
        listed = details_of(error.errors(include_url=False, include_input=False, include_context=False))
        problems.extend(Detail(_path(prefix, d.path), d.reason) for d in listed)
        return
    if parameter.decimals:
        problems.extend(Detail(_path(prefix, path), _ABSURD) for path in parameter.decimals.absurd(value))
    found[parameter.name] = value


def _path(*names: str) -> str:
    return ".".join(filter(None, names)) or "body"
