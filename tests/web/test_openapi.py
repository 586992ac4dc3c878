"""The document is valid OpenAPI 3.1, and what it says is what the server does."""

from collections.abc import AsyncIterator, Iterator, Mapping
from typing import Any, get_args

import pytest
from aiohttp import ClientResponse
from openapi_schema_validator import OAS31Validator
from openapi_schema_validator import validate as validate_value
from openapi_spec_validator import OpenAPIV31SpecValidator
from openapi_spec_validator import validate as validate_document

from pi_exchange_rates.service import ExchangeRates, Latest
from pi_server import Fault
from pi_server.domain.envelope import EnvelopeName
from pi_server.testing import FakeProvider, Serve, Served
from tests.web.documented import Edge, Market, Shop, Till

Json = dict[str, Any]

SHOP = "/api/shop/v1.2"
NOTHING: Mapping[str, str] = {}


@pytest.fixture(params=get_args(EnvelopeName))
async def server(serve: Serve, request: pytest.FixtureRequest) -> AsyncIterator[Served]:
    """The documented shop, once in each envelope."""
    async with serve(Shop, config={"services": {"shop": {"envelope": request.param}}}) as served:
        yield served


@pytest.fixture
async def document(server: Served) -> Json:
    """The document as a consumer reads it."""
    return await _read(server, "/openapi.json")


async def _read(server: Served, path: str) -> Json:
    async with server.session.get(path) as response:
        assert (response.status, response.content_type) == (200, "application/json")
        found: Json = await response.json()
        return found


def _operations(document: Json) -> Iterator[tuple[str, str, Json]]:
    for path, item in document["paths"].items():
        for verb, operation in item.items():
            yield path, verb, operation


def _operation(document: Json, name: str) -> Json:
    return next(operation for *_, operation in _operations(document) if operation["operationId"] == f"shop.{name}")


def _parameters(document: Json, name: str) -> dict[str, Json]:
    return {parameter["name"]: parameter for parameter in _operation(document, name)["parameters"]}


def _resolved(document: Json, node: Json) -> Json:
    """What a reference refers to."""
    if "$ref" not in node:
        return node
    _, room, kind, name = node["$ref"].split("/")
    return {**document[room][kind][name], **{key: value for key, value in node.items() if key != "$ref"}}


def _example(document: Json, schema: Json) -> Any:
    """A value the document itself gives for a schema: an example, or one made of the examples of its fields."""
    schema = _resolved(document, schema)
    if "examples" in schema:
        return schema["examples"][0]
    if "allOf" in schema:
        return _example(document, schema["allOf"][0])
    if schema["type"] == "array":
        return [_example(document, schema["items"])]
    return {name: _example(document, field) for name, field in schema["properties"].items()}


def _request(document: Json, path: str, operation: Json, content_type: str | None) -> tuple[str, Json]:
    """The path of an operation's documented example, and the rest of what aiohttp is asked."""
    given = {p["name"]: p for p in operation["parameters"] if p["required"] or "examples" in p["schema"]}
    values = {name: _example(document, p["schema"]) for name, p in given.items()}
    query = {name: value for name, value in values.items() if given[name]["in"] == "query"}
    asked: Json = {"params": {n: v if isinstance(v, (str, list)) else str(v) for n, v in query.items()}}
    if content_type:
        example = _example(document, operation["requestBody"]["content"][content_type]["schema"])
        asked["json" if content_type == "application/json" else "data"] = example
    return path.format(**values), asked


async def _assert_documented(document: Json, operation: Json, response: ClientResponse) -> None:
    """The answer is one of those the document tells of, header and all."""
    told = _resolved(document, operation["responses"][str(response.status)])
    for header in told["headers"]:
        assert response.headers[header]
    if "content" not in told:
        assert await response.read() == b""
        return
    schema = told["content"][response.content_type]["schema"]
    validate_value(
        await response.json(content_type=None),
        {"allOf": [schema], "components": document["components"]},
        cls=OAS31Validator,
    )


async def test_the_document_is_valid(server: Served, document: Json) -> None:
    """openapi-spec-validator accepts the whole document and that of one service as OpenAPI 3.1."""
    validate_document(document, cls=OpenAPIV31SpecValidator)
    validate_document(await _read(server, "/openapi/shop.json"), cls=OpenAPIV31SpecValidator)


async def test_documented_examples_are_accepted(server: Served, document: Json) -> None:
    """Every operation, asked as the document says, answers success exactly as the document says."""
    served = 0
    for path, verb, operation in _operations(document):
        for content_type in operation.get("requestBody", {}).get("content", {None: None}):
            target, asked = _request(document, path, operation, content_type)
            headers: Mapping[str, str] = server.headers if operation["security"] else NOTHING
            async with server.session.request(verb, target, headers=headers, **asked) as response:
                assert response.status < 300, (operation["operationId"], await response.text())
                assert not response.headers.get("Content-Type") or not (await response.json()).get("err")
                await _assert_documented(document, operation, response)
            served += 1
    assert served == 12


@pytest.mark.parametrize(
    ("name", "asked", "status"),
    [
        ("create", {"data": b"{", "headers": {"Content-Type": "application/json"}}, 400),
        ("create", {"json": {}, "token": False}, 401),
        ("create", {"data": b"<a/>", "headers": {"Content-Type": "text/xml"}}, 415),
        ("create", {"json": {"Ref": "A-1", "lines": [], "colour": "red"}}, 422),
        ("read", {"params": {"unknown": "1"}}, 422),
    ],
)
async def test_documented_faults_come(
    server: Served, document: Json, name: str, asked: Mapping[str, Any], status: int
) -> None:
    """What is refused is refused with a status and a body that the document tells of, in each envelope."""
    path, verb, operation = next(found for found in _operations(document) if found[2] is _operation(document, name))
    headers: dict[str, str] = {**asked.get("headers", {}), **(server.headers if asked.get("token", True) else {})}
    rest = {key: value for key, value in asked.items() if key not in ("token", "headers")}
    async with server.session.request(verb, path.format(number=7), headers=headers, **rest) as response:
        assert response.status in (status, 200)
        await _assert_documented(document, operation, response)


async def test_names_and_texts_come_from_the_code(document: Json) -> None:
    """Operation ids, tags, summaries, descriptions, deprecation and scopes are what the service declares."""
    create = _operation(document, "create")
    assert (create["tags"], create["summary"], create["description"]) == (
        ["shop"],
        "Order lines.",
        "The total is exact.",
    )
    assert create["x-scope"] == "orders.write"
    assert _operation(document, "cancel")["deprecated"] is True
    assert "deprecated" not in create
    assert _operation(document, "desk.is_open")["tags"] == ["shop.desk"]
    assert {tag["name"]: tag["description"] for tag in document["tags"]} == {
        "shop": "A shop that sells **everything** an operation can be.",
        "shop.desk": "What only the people at the desk need.",
    }
    ids = [operation["operationId"] for *_, operation in _operations(document)]
    assert len(ids) == len(set(ids)) == 11


async def test_templates_become_openapi_paths(document: Json) -> None:
    """Regexes turn into patterns; two templates that only a regex tells apart are both there."""
    assert {f"{SHOP}/orders/{{number}}", f"{SHOP}/orders/{{name}}", f"{SHOP}/files/{{rest}}"} < document["paths"].keys()
    assert _parameters(document, "read")["number"]["schema"]["pattern"] == "^(?:[0-9]+)$"
    assert _parameters(document, "read_named")["name"]["schema"]["pattern"] == "^(?:[a-z]+)$"


async def test_a_model_is_spread_over_path_query_and_body(document: Json) -> None:
    """Fields of one model are told where they are taken from, and nowhere else."""
    change = _operation(document, "change")
    assert [(p["name"], p["in"]) for p in change["parameters"]] == [("number", "path")]
    body = change["requestBody"]["content"]["application/json"]["schema"]
    assert (list(body["properties"]), body["required"], body["additionalProperties"]) == (["line"], ["line"], False)
    listed = _parameters(document, "browse")
    assert {name: (p["in"], p["required"]) for name, p in listed.items()} == {
        "size": ("query", False),
        "states": ("query", False),
        "after": ("query", True),
    }
    assert listed["after"]["description"] == "The day before the first."
    assert listed["states"]["schema"]["type"] == "array"
    assert not {"Change", "Page"} & document["components"]["schemas"].keys()


async def test_bodies_are_told_for_each_content_type(document: Json) -> None:
    """Every consumed type is there, single fields form a closed object, and a body is required if a field is."""
    body = _operation(document, "rounding")["requestBody"]
    assert list(body["content"]) == ["application/json", "application/x-www-form-urlencoded"]
    schema = body["content"]["application/json"]["schema"]
    assert (list(schema["properties"]), schema["required"]) == (["amount", "digits"], ["amount"])
    assert body["required"] is True
    assert "requestBody" not in _operation(document, "read")


async def test_decimals_leave_as_strings(document: Json) -> None:
    """A decimal may come as number or string, and leaves as a string."""
    schemas = document["components"]["schemas"]
    assert schemas["Receipt"]["properties"]["total"]["type"] == "string"
    assert {s["type"] for s in schemas["Line-Input"]["properties"]["price"]["anyOf"]} == {"number", "string"}
    assert schemas["Line-Output"]["properties"]["price"]["type"] == "string"


async def test_only_guarded_operations_ask_for_a_token(document: Json) -> None:
    """Operations behind the token link name its header and may answer 401; public ones do neither."""
    assert document["components"]["securitySchemes"]["x-srv-token"]["in"] == "header"
    guarded, public = _operation(document, "read"), _operation(document, "file")
    assert guarded["security"] == [{"x-srv-token": []}]
    assert public["security"] == []
    assert not {"401", "403"} & public["responses"].keys()


@pytest.mark.parametrize("server", ["compat"], indirect=True)
async def test_nothing_to_tell_has_a_frame_in_compat(document: Json) -> None:
    """An empty ``err`` is how success is known there, so there is always a body."""
    responses = _operation(document, "cancel")["responses"]
    assert "204" not in responses
    assert "content" in responses["200"]


@pytest.mark.parametrize("server", ["semantic", "problem"], indirect=True)
async def test_nothing_to_tell_is_204(document: Json) -> None:
    """An operation that returns None answers 204; one that may, both."""
    assert "content" not in _operation(document, "cancel")["responses"]["204"]
    assert {"200", "204"} <= _operation(document, "search")["responses"].keys()


@pytest.mark.parametrize("server", ["semantic"], indirect=True)
async def test_one_service_is_told_relative_to_its_root(server: Served, document: Json) -> None:
    """The document of one service is what a gateway imports: its root is the server and the base path."""
    one = await _read(server, "/openapi/shop.json")
    assert one["info"] == {"title": "shop", "version": "1.2", "description": Shop.__doc__}
    assert (one["servers"], one["x-wso2-basePath"]) == ([{"url": SHOP}], SHOP)
    assert {SHOP + path for path in one["paths"]} == document["paths"].keys()


async def test_providers_faults_are_told_only_where_there_are_providers(serve: Serve) -> None:
    """A service with a provider may answer 502; one without may not."""
    async with serve(Market(exchange=FakeProvider({})), Shop) as server:
        document = await _read(server, "/openapi.json")
    assert "502" in document["paths"]["/market/odd"]["get"]["responses"]
    assert "502" not in _operation(document, "read")["responses"]


@pytest.mark.parametrize("envelope", get_args(EnvelopeName))
async def test_what_a_package_says_of_failures_is_told(serve: Serve, envelope: EnvelopeName) -> None:
    """The codes of faults.yaml stand among the server's own, each with an example that its schema allows."""
    fault = Fault("unknown_currency", 404, "The market has no rates for this currency.")
    service = ExchangeRates(market=FakeProvider({Latest: fault}))
    async with serve(service, config={"services": {"exchange_rates": {"envelope": envelope}}}) as server:
        document = await _read(server, "/openapi.json")
        validate_document(document, cls=OpenAPIV31SpecValidator)
        (operation,) = (one for *_, one in _operations(document))
        path = "/api/rates/v1.0/latest/EUR"
        async with server.session.get(path, headers=server.headers) as response:
            await _assert_documented(document, operation, response)
            told = await response.json(content_type=None)
    assert {"502", "503", "504"} <= operation["responses"].keys()
    if envelope != "compat":  # where a refusal has the status of success, and no code
        (content,) = operation["responses"]["404"]["content"].values()
        id_ = "correlationId" if envelope == "semantic" else "instance"
        assert content["example"] == {**told, id_: content["example"][id_]}


async def test_examples_of_faults_fit_their_schemas(server: Served, document: Json) -> None:
    """Whatever the document shows of a fault is what its own schema allows."""
    seen = 0
    for *_, operation in _operations(document):
        for told in operation["responses"].values():
            for content in _resolved(document, told).get("content", {}).values():
                whole = {"allOf": [content["schema"]], "components": document["components"]}
                named = {name: one["value"] for name, one in content.get("examples", {}).items()}
                for example in (*named.values(), *([content["example"]] if "example" in content else [])):
                    validate_value(example, whole, cls=OAS31Validator)
                    seen += 1
    assert seen


@pytest.mark.parametrize("envelope", get_args(EnvelopeName))
async def test_what_must_happen_once_tells_of_its_key(serve: Serve, envelope: EnvelopeName) -> None:
    """The header stands among the parameters, and all that may be wrong with a key comes as the document says."""
    async with serve(Till, config={"services": {"till": {"envelope": envelope}}}) as server:
        document = await _read(server, "/openapi.json")
        validate_document(document, cls=OpenAPIV31SpecValidator)
        told = {one["operationId"]: one for *_, one in _operations(document)}
        for name, required in (("till.pay", False), ("till.empty", True)):
            (header,) = told[name]["parameters"]
            assert (header["name"], header["in"], header["required"]) == ("Idempotency-Key", "header", required)
            assert {"409", "422"} <= told[name]["responses"].keys()
        line = {"article": "pen", "price": "1.10"}
        for key, ref, status in (("a b", "A-1", 400), ("k", "A-1", 200), ("k", "A-2", 422)):
            headers = {**server.headers, "Idempotency-Key": key}
            body = {"Ref": ref, "lines": [line]}
            async with server.session.post("/till/pay", json=body, headers=headers) as response:
                assert response.status == status
                await _assert_documented(document, told["till.pay"], response)
        async with server.session.post("/till/empty", headers=server.headers) as response:
            assert response.status == 400
            await _assert_documented(document, told["till.empty"], response)


async def test_what_json_schema_cannot_say_is_any_value(serve: Serve) -> None:
    """A type without a JSON Schema takes nothing from the rest of a document, which stays valid."""
    async with serve(Market(exchange=FakeProvider({}))) as server:
        document = await _read(server, "/openapi.json")
    validate_document(document, cls=OpenAPIV31SpecValidator)
    assert {} in document["components"]["schemas"]["Odd"]["properties"]["how"]["anyOf"]


async def test_optional_and_open_queries_are_taken_as_documented(serve: Serve) -> None:
    """An optional model may be left out of a query, a mapping takes all of it, and a bare Reply may hold anything."""
    async with serve(Edge) as server:
        document = await _read(server, "/openapi.json")
        validate_document(document, cls=OpenAPIV31SpecValidator)
        assert [p["required"] for p in document["paths"]["/edge/optional"]["get"]["parameters"]] == [False]
        assert [p["schema"]["type"] for p in document["paths"]["/edge/open"]["get"]["parameters"]] == ["object"]
        for target, data in (
            ("/edge/optional", {"width": None}),
            ("/edge/optional?width=3", {"width": 3}),
            ("/edge/open?a=1&b=2", {"a": "1", "b": "2"}),
        ):
            async with server.session.get(target) as response:
                assert (await response.json())["data"] == data
