"""Lets a consumer repeat what must happen only once: who comes again with the same key gets the same answer."""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import replace
from functools import wraps
from time import time
from typing import Any, Final

from aiohttp import web
from multidict import CIMultiDict, istr

from pi_server.domain.consumer import ANONYMOUS
from pi_server.domain.ending import is_ending
from pi_server.domain.envelope import ENVELOPES
from pi_server.domain.faults import Fault, KeyMissing, KeyReused, OutcomeUnknown, StillRunning, StoreUnavailable
from pi_server.domain.mount import Mount
from pi_server.domain.once import Answer, Done, Known, Running, Step, Unknown, outcome, step
from pi_server.domain.stores import StoreTooNewError
from pi_server.domain.trail import Trail, followed, following
from pi_server.web.admission import Admission
from pi_server.web.body import EarlyBody, Patience
from pi_server.web.endpoint import Handler
from pi_server.web.enveloped import enveloped
from pi_server.web.once.ledger import Entry, Ledger
from pi_server.web.once.order import KEY_HEADER, Order, order_of, shown_key
from pi_server.web.respond import fault_response
from pi_server.web.state import CALL, CONSUMER
from pi_server.web.time_budget import TIMEOUT_HEADER, seconds_left

REPLAYED: Final = "Idempotent-Replayed"
_KEY: Final = istr(KEY_HEADER)
_OF_ONE_ANSWER: Final = frozenset({"set-cookie", "content-length"})
_MARGIN: Final = 5.0  # seconds a call may need beyond its time, clocks that disagree included
_FIRST_PAUSE, _LONGEST_PAUSE = 0.02, 0.5  # seconds between two looks at an order that runs elsewhere

_log = logging.getLogger("pi_server.once")


def idempotency(mount: Mount, ledger: Ledger, wait: float, patience: Patience) -> Callable[[Handler], Handler]:
    """Guard one operation; a repeat waits ``wait`` seconds at most for the first call to end.

    It is the innermost link, so that a repeat passes all others as the first call did, and is admitted like it.  The
    body is read early, with ``patience``.  While the store is away nothing runs: `StoreUnavailable`.
    """

    def link(handler: Handler) -> Handler:
        return _Guard(mount, ledger, min(wait, mount.timeout), patience, handler).handle

    return link


class _Guard:
    """Everything about one operation."""

    def __init__(self, mount: Mount, ledger: Ledger, wait: float, patience: Patience, handler: Handler) -> None:
        operation = mount.operation
        self._name = f"{operation.service}.{operation.name}"
        self._required = operation.once == "required"
        self._admit = Admission(operation)
        self._early = EarlyBody(patience)
        self._ledger = ledger
        self._wait = wait
        self._handler = handler
        self._envelope = ENVELOPES[mount.envelope]
        self._enquiry = _enquiry(mount, patience) if operation.enquire else None
        self._lease = mount.timeout * (2 if self._enquiry else 1) + _MARGIN

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Run the operation, or answer as it did before."""
        shown = request.headers.getall(_KEY, ())
        if not shown:
            if self._required:
                raise KeyMissing
            return await self._handler(request)
        key, consumer = shown_key(shown), request.get(CONSUMER, ANONYMOUS)
        self._admit(consumer)
        body = await self._early.read(request) if request.body_exists else b""
        order = order_of(request, body, consumer, self._name, key)
        told = request.headers.get(TIMEOUT_HEADER)
        wait = self._wait if told is None else min(seconds_left(told), self._wait)
        await self._ledger.prepare()
        what, entry = await self._turn(order, wait)
        if isinstance(entry.known, Done):
            return _repeated(entry.known.answer)
        if self._enquiry and what == "ask" and (found := await self._ask(self._enquiry, request, order, entry)):
            return _repeated(found)
        return await self._run(request, order, entry)

    async def _turn(self, order: Order, wait: float) -> tuple[Step, Entry]:
        """What to do, and with which entry: ours, to run or to ask, or one that is done, to repeat."""
        end, pause = _now() + wait, _FIRST_PAUSE
        found: Entry | None = None
        while True:
            what = step(found.known if found else None, order.digest, time())
            match what:
                case "refuse":
                    raise KeyReused
                case "ask" if self._enquiry is None:
                    raise OutcomeUnknown
                case "run" | "ask":
                    mine = await self._ledger.take(order.name, found, Running(order.digest, time() + self._lease))
                    if mine:
                        return what, mine
                case "repeat" if found:
                    return what, found
                case _:
                    if _now() >= end:
                        raise StillRunning
                    await asyncio.sleep(pause)
                    pause = min(2 * pause, _LONGEST_PAUSE)
            found = await self._ledger.look(order.name, found)

    async def _run(self, request: web.Request, order: Order, mine: Entry) -> web.StreamResponse:
        """Run the operation, and remember what came of it."""
        trail = Trail(order.reference)
        try:
            with following(trail):
                response = await self._handler(request)
        except GeneratorExit:  # nothing can be awaited any more
            raise
        except BaseException as error:
            await self._settle(order, mine, self._after(request, order, error, trail))
            raise
        await self._settle(order, mine, _done(order, response))
        return response

    def _after(self, request: web.Request, order: Order, error: BaseException, trail: Trail) -> Known | None:
        """What is known once a call has failed; None for nothing."""
        match outcome(error, trail), error:
            case "nothing", _:
                return None
            case "final", Fault():
                return _done(order, fault_response(error, self._envelope, request[CALL].correlation_id))
            case _:
                return Unknown(order.digest)

    async def _ask(self, enquiry: Handler, request: web.Request, order: Order, mine: Entry) -> Answer | None:
        """The answer of a call that was lost, from the provider; None if it never happened."""
        try:
            with following(Trail(order.reference)):
                response = await enquiry(request)
        except _NeverHappened:
            return None
        except GeneratorExit:
            raise
        except BaseException as error:
            await self._settle(order, mine, Unknown(order.digest))
            if is_ending(error):
                raise
            if not isinstance(error, Fault):
                _log.error("%s: the enquiry failed", self._name, exc_info=error)
            raise OutcomeUnknown(reason=f"the enquiry failed: {error}") from error
        done = _done(order, response)
        await self._settle(order, mine, done)
        return done.answer

    async def _settle(self, order: Order, mine: Entry, known: Known | None) -> None:
        """Write down what came of it; where that fails, its time runs out and nobody knows."""
        try:
            if known is None:
                kept = await self._ledger.forget(order.name, mine)
            else:
                kept = await self._ledger.take(order.name, mine, known) is not None
            if not kept:
                _log.error("%s took longer than it may: what came of it was not kept", self._name)
        except (StoreUnavailable, StoreTooNewError) as error:
            _log.error("%s: what came of it was not kept: %s", self._name, error)


class _NeverHappened(Exception):  # noqa: N818 - an answer to a question
    """The provider knows nothing of the order."""


def _enquiry(mount: Mount, patience: Patience) -> Handler:
    """The endpoint that asks whether an earlier call did its work, and answers as that would have."""
    ask: Any = getattr(type(mount.service), mount.operation.enquire)

    @wraps(ask)
    async def asked(service: Any, call: Any, **given: Any) -> Any:
        found = await ask(service, call, **given)
        if found is None:
            raise _NeverHappened
        return found

    return enveloped(mount, followed(replace(mount.operation, method=asked)), patience)


def _done(order: Order, response: web.StreamResponse) -> Done:
    """The order with its answer; what belongs to one sending of it alone is left out."""
    body = response.body if isinstance(response, web.Response) else None
    if not isinstance(body, bytes | None):
        raise TypeError("only an answer that is whole, and in memory, can be repeated")
    headers = tuple((name, value) for name, value in response.headers.items() if name.lower() not in _OF_ONE_ANSWER)
    return Done(order.digest, Answer(response.status, headers, body or b""))


def _repeated(answer: Answer) -> web.Response:
    headers = CIMultiDict([*answer.headers, (REPLAYED, "true")])
    return web.Response(status=answer.status, headers=headers, body=answer.body or None)


def _now() -> float:
    return asyncio.get_running_loop().time()
