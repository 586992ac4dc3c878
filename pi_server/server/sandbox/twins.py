"""Twins of providers: what each needs to answer in the provider's place."""

from __future__ import annotations

import asyncio
from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING

from pi_server.config.plays import play_of
from pi_server.domain.faults import ProviderFault
from pi_server.domain.play import Play
from pi_server.providers.recordings import Recordings
from pi_server.providers.settings import ProviderSettings
from pi_server.providers.transport import HttpTransport
from pi_server.providers.twin import Twin
from pi_server.server.masking import credential_cookies, mask_of
from pi_server.server.sandbox.examples import example_of
from pi_server.server.sandbox.stand_ins import Answer, Answers, standing_in

if TYPE_CHECKING:
    from contextlib import AsyncExitStack

    from pydantic import BaseModel

    from pi_server.config import Config
    from pi_server.discovery.bind import ProviderPlan
    from pi_server.domain.exchange import Exchange, Send
    from pi_server.domain.message import WireResponse


class Twins:
    """Makes the twins that a configuration asks for; where it asks for none, nothing stands in any path."""

    def __init__(self, config: Config) -> None:
        """Look at what may be asked, and where recordings are kept."""
        self._production = config.server.production
        self._by_header = config.sandbox.header is not None
        self._folder = config.server.data_dir / "recordings"
        self._mask = mask_of(config.logs.mask, cookies=credential_cookies(config))

    def check(self, settings: ProviderSettings) -> ProviderSettings:
        """The settings, without a credential where the provider itself is never asked.

        Raises:
            ValueError: another would answer in its place, in production.
        """
        play = _play(settings)
        if self._production and play.label:
            raise ValueError(f"mode: {settings.mode} cannot be used while server.production is true")
        return settings if play.asks_provider else settings.model_copy(update={"auth": None})

    async def twin(self, plan: ProviderPlan, settings: ProviderSettings, opened: AsyncExitStack) -> Twin | None:
        """The twin of one provider, unless it is never asked for.

        Raises:
            ValueError: it is to be a mock, and nothing tells what that would answer.
        """
        play = _play(settings)
        if play == Play() and not self._by_header:
            return None
        try:
            mock = await _mock(plan, settings, opened)
        except ValueError as error:
            if play.mode == "mock":
                raise
            mock = _unprepared(str(error))
        folder = self._folder / plan.service / plan.field
        return Twin(play, plan.kind, mock, Recordings(folder, self._mask))


def _play(settings: ProviderSettings) -> Play:
    return play_of(settings.fault if settings.mode == "fault" else settings.mode)


async def _mock(plan: ProviderPlan, settings: ProviderSettings, opened: AsyncExitStack) -> Send:
    """A stand-in behind the provider's real wire, and the way to it."""
    answers = await asyncio.to_thread(_answers, plan)
    standing = standing_in(plan.service, plan.field, answers, plan.section, plan.package)
    address = (await opened.enter_async_context(standing)).address
    transport = HttpTransport(ProviderSettings(endpoint=address, reply_limit=settings.reply_limit))
    opened.push_async_callback(transport.close)
    base = settings.endpoint.rstrip("/")

    async def send(exchange: Exchange) -> WireResponse:
        request = exchange.request
        there = request._replace(url=address + request.url.removeprefix(base))
        return await transport.send(exchange._replace(request=there))

    return send


def _unprepared(reason: str) -> Send:
    async def send(_: Exchange) -> WireResponse:
        raise ProviderFault("unprepared", reason)

    return send


def _answers(plan: ProviderPlan) -> Answers:
    """What the plugin's own stand-in answers, or else examples of the replies."""
    name = f"{plan.module}.sandbox"
    module = import_module(name) if plan.module and find_spec(name) else None
    given: dict[str, Answers] = getattr(module, "STAND_INS", {})
    for field, answers in given.items():
        if field.rpartition(".")[2] == plan.field:
            return answers
    if not plan.messages:
        raise ValueError("mode: the plugin has no stand-in for it, and which messages it is asked is not known")
    return {message: _always(example_of(message.__shape__.reply)) for message in plan.messages}


def _always(reply: BaseModel) -> Answer:
    return lambda _: reply
