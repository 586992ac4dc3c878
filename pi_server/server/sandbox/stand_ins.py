"""Local servers that stand in for providers and speak their real wire.

A plugin says in its module ``sandbox`` what answers each message of a provider's field:

    STAND_INS = {"bank": {Withdraw: withdraw}}

An answer is a function, async or not, from the message to its reply or to the model of a declared SOAP Fault.
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aiohttp import web
from pydantic import BaseModel

from pi_server.domain.faults import Fault
from pi_server.domain.message import Message, RestMessage, SoapMessage
from pi_server.providers.settings import SoapSettings
from pi_server.providers.text import printable
from pi_server.web.json_body import parse_json
from pi_server.web.parameters import is_many

if TYPE_CHECKING:
    from pi_server.providers.soap.binding import SoapBinding

SERVER_NAME = "pi-server stand-in"
"""What a stand-in calls itself in the ``Server`` header of every answer."""

Answer = Callable[[Any], BaseModel | Awaitable[BaseModel]]
Answers = Mapping[type[Message[Any]], Answer]

_HOST = "127.0.0.1"
_LARGEST = 16 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class StandIn:
    """A running stand-in: for which field of which service, and the address it answers at."""

    service: str
    field: str
    address: str


@asynccontextmanager
async def standing_in(
    service: str, field: str, answers: Answers, section: Mapping[str, Any], files: Path
) -> AsyncGenerator[StandIn]:
    """Answer in place of the provider ``services.<service>.<field>``, on a free port of this machine only.

    ``section`` is the provider's configuration, which names the WSDL; ``files`` is the package it lies in.

    Raises:
        ValueError: the messages, the section or the WSDL cannot be used.
        OSError: no port can be opened.
    """
    app = web.Application(client_max_size=_LARGEST)
    app.on_response_prepare.append(_name_itself)
    await _add_routes(app.router, answers, section, files)
    runner = web.AppRunner(app, access_log=None, handle_signals=False, shutdown_timeout=1)
    await runner.setup()
    try:
        await web.TCPSite(runner, _HOST, 0).start()
        yield StandIn(service, field, f"http://{_HOST}:{runner.addresses[0][1]}")
    finally:
        await runner.cleanup()


async def _name_itself(_: web.Request, response: web.StreamResponse) -> None:
    response.headers["Server"] = SERVER_NAME


async def _add_routes(router: web.UrlDispatcher, answers: Answers, section: Mapping[str, Any], files: Path) -> None:
    if answers and all(issubclass(model, SoapMessage) for model in answers):
        soap = await asyncio.to_thread(_soap, answers, section, files)
        router.add_post("/{path:.*}", soap.serve)
    elif answers and all(issubclass(model, RestMessage) for model in answers):
        for model, answer in answers.items():
            shape = model.__shape__
            router.add_route(shape.verb, "/" + shape.path.removeprefix("/"), _Rest(model, answer).serve)
    else:
        raise ValueError("its messages must be all SoapMessage or all RestMessage, and at least one")


async def _answered(answer: Answer, message: Message[Any]) -> BaseModel:
    given = answer(message)
    return await given if inspect.isawaitable(given) else given


class _Rest:
    """One REST message, read back from the request that carries it."""

    def __init__(self, model: type[Message[Any]], answer: Answer) -> None:
        self._model = model
        self._answer = answer
        fields = model.model_fields.items()
        self._many = {field.alias or name for name, field in fields if is_many(field.annotation)}

    async def serve(self, request: web.Request) -> web.Response:
        try:
            message = self._model.model_validate(await self._fields(request))
        except (ValueError, Fault) as error:
            return web.json_response({"error": printable(str(error))}, status=400)
        reply = await _answered(self._answer, message)
        return web.Response(body=reply.model_dump_json(by_alias=True).encode(), content_type="application/json")

    async def _fields(self, request: web.Request) -> dict[str, Any]:
        if request.method in ("GET", "HEAD", "DELETE"):
            query = request.query
            given = {name: query.getall(name) if name in self._many else query[name] for name in query}
        else:
            given = parse_json(await request.read() or b"{}")
        if not isinstance(given, dict):
            raise ValueError("a JSON object was expected")
        return {**given, **request.match_info}


def _soap(answers: Answers, section: Mapping[str, Any], files: Path) -> _Soap:
    """Read the WSDL that ``section`` names and check the messages against it."""
    from pi_server.providers.wsdl import load_wsdl  # zeep is loaded by those who need it

    settings = SoapSettings.model_validate({**section, "endpoint": f"http://{_HOST}"})
    soap = _Soap(load_wsdl(files / settings.wsdl, service=settings.service, port=settings.port), answers)
    soap.check()
    return soap


class _Soap:
    """All messages of one port, by the product's own codec run backwards."""

    def __init__(self, binding: SoapBinding, answers: Answers) -> None:
        from pi_server.providers.soap.codec import SoapCodec

        self._binding = binding
        self._codec = SoapCodec(binding, "")
        self._answers = {model.__shape__.operation: (model, answer) for model, answer in answers.items()}

    def check(self) -> None:
        for model, _ in self._answers.values():
            self._codec.check(model)

    async def serve(self, request: web.Request) -> web.Response:
        try:
            operation, fields = self._codec.decode_request(await request.read())
            model, answer = self._answer_to(operation)
            message = model.model_validate(fields)
        except ValueError as error:
            status = 400 if self._binding.version == "1.2" else 500
            return self._response(self._codec.encode_fault("Client", printable(str(error))), status)
        return self._reply(model, await _answered(answer, message))

    def _answer_to(self, operation: str) -> tuple[type[Message[Any]], Answer]:
        if operation not in self._answers:
            raise ValueError(f"this stand-in has no answer to {operation}")
        return self._answers[operation]

    def _reply(self, model: type[Message[Any]], reply: BaseModel) -> web.Response:
        shape = model.__shape__
        values = reply.model_dump(by_alias=True)
        for name, declared in (shape.faults or {}).items():
            if isinstance(reply, declared):
                return self._response(self._codec.encode_fault("Server", name, (name, values)), 500)
        if not isinstance(reply, shape.reply):
            raise TypeError(f"{model.__name__} is answered with {shape.reply.__name__}, not {type(reply).__name__}")
        return self._response(self._codec.encode_reply(shape.operation, self._wrapped(shape.operation, values)), 200)

    def _wrapped(self, operation: str, values: dict[str, Any]) -> dict[str, Any]:
        """The values inside the lone wrapper (``...Result``) that a reply's model need not speak of."""
        names = self._binding.operations[operation].reply.place.names
        return {next(iter(names)): values} if len(names) == 1 and not names.keys() & values.keys() else values

    def _response(self, body: bytes, status: int) -> web.Response:
        return web.Response(body=body, status=status, headers={"Content-Type": self._codec.content_type})
