"""A provider that answers what a test says."""

from collections.abc import Awaitable, Callable, Mapping
from inspect import isawaitable
from typing import Any, TypeVar

from pydantic import BaseModel

from pi_server.domain.call import Call
from pi_server.domain.message import Message

R = TypeVar("R", bound=BaseModel)

Answer = BaseModel | Exception | Callable[[Any], BaseModel | Awaitable[BaseModel]]
"""A reply, something to raise, or a callable that is given the message and returns (or raises) the answer."""


class FakeProvider:
    """Stands in a test where a service has a `SoapProvider` or a `RestProvider`.

    ``FakeProvider({Withdraw: WithdrawResult(...)})`` answers each message by its class: with a reply, by raising an
    exception (a `Fault`, as a real provider does), or with what a callable makes of the message; the callable may be
    a coroutine function.  ``asked`` lists the messages in the order they came, ``calls`` the calls they came with.

    Raises:
        AssertionError: an answer is not the message's reply model; at once where that can be seen at once.
    """

    def __init__(self, answers: Mapping[type[Message[Any]], Answer]) -> None:
        """Foresee these messages and no others."""
        for kind, answer in answers.items():
            if isinstance(answer, BaseModel):
                _check(kind, answer)
        self._answers = dict(answers)
        self.asked: list[Message[Any]] = []
        self.calls: list[Call] = []

    async def send(self, call: Call, message: Message[R], /) -> R:
        """Note the message and give its answer.

        Raises:
            AssertionError: nobody foresaw this message.
        """
        self.asked.append(message)
        self.calls.append(call)
        answer = self._answers.get(type(message))
        if answer is None:
            raise AssertionError(f"{message!r} was not foreseen, only {self._foreseen()}")
        if isinstance(answer, Exception):
            raise answer
        reply: Any = answer if isinstance(answer, BaseModel) else answer(message)
        return _check(type(message), await reply if isawaitable(reply) else reply)

    def _foreseen(self) -> str:
        return ", ".join(kind.__name__ for kind in self._answers) or "nothing"


def _check(kind: type[Message[R]], reply: Any) -> R:
    """The reply, if it is one a real provider could give."""
    wanted: Any = kind.__shape__.reply
    if not isinstance(reply, wanted):
        raise AssertionError(f"{kind.__name__} is answered with {wanted.__name__}, not with {reply!r}")
    answer: R = reply
    return answer
