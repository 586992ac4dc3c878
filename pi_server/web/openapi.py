"""The OpenAPI 3.1 document of mounted operations, told from the same types that serve them."""

import inspect
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import TypeAdapter
from pydantic.json_schema import JsonSchemaMode

from pi_server.domain.mount import Mount
from pi_server.domain.operation import Once
from pi_server.domain.service import Service
from pi_server.web.inputs import Inputs
from pi_server.web.middleware.token import TOKEN_HEADER
from pi_server.web.once.order import KEY_HEADER, KEY_SYNTAX
from pi_server.web.openapi_answers import FAULT_MODELS, HEADERS, answers, expected_faults, output_adapter
from pi_server.web.openapi_schemas import Json, Schemas, closed_object, referred, without_fields, without_null
from pi_server.web.parameters import Parameter
from pi_server.web.route_table import Variable, parse_template

SECURITY_SCHEMES: Mapping[str, tuple[str, Json]] = {
    "token": (
        TOKEN_HEADER,
        {"type": "apiKey", "in": "header", "name": TOKEN_HEADER, "description": "A service token."},
    ),
    "session": (
        "session",
        {"type": "apiKey", "in": "cookie", "description": "The session of somebody signed in with a browser."},
    ),
    "jwt": (
        "jwt",
        {"type": "http", "scheme": "bearer", "bearerFormat": "JWT", "description": "A JSON Web Token of the realm."},
    ),
}
"""Name and description of the credential that each guarding link of a chain asks for."""

Chains = Mapping[str, Collection[str]]
"""The names of a chain's links, by the name of the chain."""


def openapi_document(
    mounts: Sequence[Mount],
    chains: Chains,
    *,
    title: str,
    version: str,
    below: str = "",
    session_cookie: str = "pi-session",
) -> Json:
    """The document of ``mounts``, as plain JSON values; pages are for people and not in it.

    ``chains`` tells which operations ask for a credential.  With ``below``, all paths are relative to that root, which
    becomes the document's server and base path: the form in which API gateways import one service.  Sessions come in
    ``session_cookie``.
    """
    programs = [mount for mount in mounts if not mount.operation.page]
    described = [_Described(mount, Inputs(mount.operation), _guards(mount, chains)) for mount in programs]
    schemas = Schemas(_wanted(described))
    shared: Json = {}
    paths: dict[str, Json] = {}
    for one in described:
        path, names = _free_path(one.mount, below, paths)
        paths.setdefault(path, {})[one.mount.operation.verb.lower()] = _operation(one, schemas, names, shared)
    return {
        "openapi": "3.1.0",
        "info": {"title": title, "version": version},
        "servers": [{"url": below or "/"}],
        **({"x-wso2-basePath": below} if below else {}),
        "tags": _tags(described),
        "paths": paths,
        "components": {
            "schemas": referred(schemas.definitions, [paths, shared]),
            "responses": shared,
            "headers": HEADERS,
            "securitySchemes": _schemes({link for one in described for link in one.guards}, session_cookie),
        },
    }


def _schemes(links: Collection[str], session_cookie: str) -> Json:
    """The credentials of those links."""
    schemes = {name: scheme for link, (name, scheme) in SECURITY_SCHEMES.items() if link in links}
    if "session" in schemes:
        schemes["session"] = {**schemes["session"], "name": session_cookie}
    return schemes


def text_of(service: type[Service]) -> str:
    """A service's docstring; empty where it is only the signature that dataclasses write."""
    text = inspect.cleandoc(service.__doc__ or "")
    return "" if text.startswith(f"{service.__name__}(") else text


@dataclass(frozen=True, slots=True)
class _Described:
    """An operation with what is known of it; ``guards`` are the links of its chain that ask for a credential."""

    mount: Mount
    inputs: Inputs
    guards: tuple[str, ...]

    @property
    def id(self) -> str:
        return f"{self.mount.operation.service}.{self.mount.operation.name}"

    @property
    def tag(self) -> str:
        return self.id.rpartition(".")[0]


def _guards(mount: Mount, chains: Chains) -> tuple[str, ...]:
    links = () if mount.operation.public else chains.get(mount.chain, ())
    return tuple(link for link in links if link in SECURITY_SCHEMES)


def _wanted(described: list[_Described]) -> Iterator[tuple[Any, JsonSchemaMode, TypeAdapter[Any]]]:
    for envelope, adapter in FAULT_MODELS.items():
        if any(one.mount.envelope == envelope for one in described):
            yield envelope, "serialization", adapter
    for one in described:
        for parameter in one.inputs.parameters:
            yield (one.id, parameter.name), "validation", parameter.adapter
        yield one.id, "serialization", output_adapter(one.mount)


def _tags(described: list[_Described]) -> list[Json]:
    """One tag for each service, nested ones included, in order."""
    services = {one.tag: type(one.mount.service) for one in described}
    return [{"name": name, "description": text_of(service)} for name, service in services.items()]


def _free_path(mount: Mount, below: str, paths: Mapping[str, Json]) -> tuple[str, dict[str, str]]:
    """The template in OpenAPI's words, and its variables as they are named there.

    Two templates that only their regexes tell apart would be one path in OpenAPI: the second's variables get other
    names.
    """
    segments = parse_template(mount.operation.path.removeprefix(below.rstrip("/")) or "/")
    suffix = ""
    while True:
        names = {s.name: s.name + suffix for s in segments if isinstance(s, Variable)}
        path = "/" + "/".join(f"{{{names[s.name]}}}" if isinstance(s, Variable) else s for s in segments)
        if not names or mount.operation.verb.lower() not in paths.get(path, ()):
            return path, names
        suffix += "_"


def _operation(one: _Described, schemas: Schemas, names: Mapping[str, str], shared: Json) -> Json:
    operation = one.mount.operation
    inputs = _Taken(one, schemas)
    expected = expected_faults(one.mount, guarded=bool(one.guards), takes_body=one.inputs.takes_body)
    description = inspect.cleandoc(operation.method.__doc__ or "").partition("\n")[2].strip()
    return {
        "operationId": one.id,
        "tags": [one.tag],
        "summary": operation.summary.replace("``", ""),  # shown as plain text; descriptions are Markdown
        **({"description": description} if description else {}),
        **({"deprecated": True} if operation.deprecated else {}),
        "parameters": [*inputs.path_parameters(names), *inputs.query_parameters(), *_headers(operation.once)],
        **({"requestBody": inputs.body()} if one.inputs.takes_body else {}),
        "responses": answers(one.mount, schemas.given(one.id), schemas, expected, shared),
        "security": [{SECURITY_SCHEMES[link][0]: []} for link in one.guards],
        **({"x-scope": operation.scope} if operation.scope else {}),
    }


class _Taken:
    """What one operation takes from path, query and body."""

    def __init__(self, one: _Described, schemas: Schemas) -> None:
        self._one = one
        self._schemas = schemas
        self._variables = [s for s in parse_template(one.mount.operation.path) if isinstance(s, Variable)]
        self._names = {variable.name for variable in self._variables}

    def path_parameters(self, names: Mapping[str, str]) -> list[Json]:
        """One for each variable of the template, be it a parameter or a field of a model."""
        fields = {name: schema for p in self._parameters() for name, (schema, _) in self._fields(p).items()}
        return [_located(names[v.name], "path", _matching(fields.get(v.name, {}), v), True) for v in self._variables]

    def query_parameters(self) -> list[Json]:
        return [
            _located(name, "query", schema, required)
            for parameter in self._parameters("query")
            for name, (schema, required) in self._fields(parameter).items()
            if name not in self._names
        ]

    def body(self) -> Json:
        schema, required = self._body()
        operation, service = self._one.mount.operation, self._one.mount.service
        content = {kind: {"schema": schema} for kind in operation.consumes or service.consumes}
        return {"required": required, "content": content}

    def _body(self) -> tuple[Json, bool]:
        """The schema of the body, and whether one must be sent."""
        parameters = self._parameters("body")
        if not parameters[0].whole:
            needed = [p.name for p in parameters if p.required]
            return closed_object({p.name: self._schema(p) for p in parameters}, needed), bool(needed)
        whole, schema = parameters[0], self._schema(parameters[0])
        fields = self._schemas.fields(schema)
        if "properties" not in fields:
            return schema, whole.required
        from_path = self._names & fields["properties"].keys()
        left = without_fields(fields, from_path)
        return left if from_path else schema, "required" in left and (whole.required or bool(from_path))

    def _parameters(self, source: str = "") -> list[Parameter]:
        return [p for p in self._one.inputs.parameters if source in ("", p.source)]

    def _schema(self, parameter: Parameter) -> Json:
        return self._schemas.taken((self._one.id, parameter.name))

    def _fields(self, parameter: Parameter) -> dict[str, tuple[Json, bool]]:
        """Name, schema and need of everything a parameter is filled from, one by one."""
        schema = self._schema(parameter)
        fields = self._schemas.fields(schema) if parameter.whole else {}
        if "properties" not in fields:
            return {parameter.name: (schema, parameter.required)}
        read = parameter.required or not self._names.isdisjoint(fields["properties"])
        needed = fields.get("required", ()) if read else ()
        return {name: (field, name in needed) for name, field in fields["properties"].items()}


def _headers(once: Once) -> list[Json]:
    """The header by which repeats of an operation are known."""
    if not once:
        return []
    text = "Chosen by the consumer for what must happen only once: a repeat with the same key gets the first answer."
    schema = {"type": "string", "pattern": f"^{KEY_SYNTAX}$", "description": text}
    return [_located(KEY_HEADER, "header", schema, once == "required")]


def _located(name: str, where: str, schema: Json, required: bool) -> Json:
    schema = without_null(schema)  # neither a path nor a query can say null
    told = {"description": schema["description"]} if "description" in schema else {}
    example = {"example": schema["examples"][0]} if schema.get("examples") else {}  # what swagger-ui fills in
    return {"name": name, "in": where, "required": required, **told, **example, "schema": schema}


def _matching(schema: Json, variable: Variable) -> Json:
    """The schema of a path variable, narrowed to what its template matches."""
    if variable.rest:
        return {"description": "The rest of the path; it may hold slashes.", **schema}
    if variable.regex is None:
        return schema
    pattern = {"pattern": f"^(?:{variable.regex})$"}
    return {"allOf": [schema, pattern]} if {"pattern", "$ref"} & schema.keys() else {**schema, **pattern}


def api_version(root: str, otherwise: str) -> str:
    """The version a service's consumers know: the one its root path ends with, ``/api/account/v1.0``."""
    match = re.search(r"/v(\d+(?:\.\d+)*)/?$", root)
    return match[1] if match else otherwise
