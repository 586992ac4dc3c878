"""What is asked of a provider, and what it looks like on the wire."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Generic, Literal, NamedTuple, TypeVar, Unpack, get_args

from pydantic import BaseModel, ConfigDict

R = TypeVar("R", bound=BaseModel)

HttpVerb = Literal["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"]


@dataclass(frozen=True, slots=True)
class Shape:
    """A message's metadata, kept out of the way of its wire fields."""

    reply: type[BaseModel]
    operation: str = ""
    faults: Mapping[str, type[BaseModel]] | None = None
    verb: HttpVerb = "GET"
    path: str = ""
    repeatable: bool = False


class Message(BaseModel, Generic[R]):
    """Something to ask of a provider; ``R`` is the model of its reply, and each field is a wire field.

    What is declared ``repeatable`` may be sent again after its bytes have left: asking twice is like asking once.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)

    __shape__: ClassVar[Shape]


def _reply_of(message: type[BaseModel]) -> type[BaseModel] | None:
    """Find the reply model: the first argument given to a generic base along the inheritance line."""
    for base in message.__mro__:
        arguments: tuple[Any, ...] = getattr(base, "__pydantic_generic_metadata__", {}).get("args", ())
        if arguments and isinstance(arguments[0], type):
            return arguments[0]
    return None


class SoapMessage(Message[R]):
    """A call of one WSDL operation, named by ``operation=`` or else by the class.

    ``faults`` gives the models of declared SOAP Faults by the name of their detail element:
    ``class Withdraw(SoapMessage[Result], operation="accountWithdrawal", faults={"INSUFFICIENT": Insufficient})``.
    """

    def __init_subclass__(
        cls,
        *,
        operation: str | None = None,
        faults: Mapping[str, type[BaseModel]] | None = None,
        repeatable: bool = False,
        **config: Unpack[ConfigDict],
    ) -> None:
        """Declare the class keywords for type checkers; `__pydantic_init_subclass__` uses them."""
        super().__init_subclass__(**config)

    @classmethod
    def __pydantic_init_subclass__(
        cls,
        *,
        operation: str | None = None,
        faults: Mapping[str, type[BaseModel]] | None = None,
        repeatable: bool = False,
        **kwargs: Any,
    ) -> None:
        """Keep the metadata once pydantic has completed the class."""
        super().__pydantic_init_subclass__(**kwargs)
        if reply := _reply_of(cls):
            cls.__shape__ = Shape(
                reply, operation=operation or cls.__name__, faults=faults or {}, repeatable=repeatable
            )


class RestMessage(Message[R]):
    """A REST request: ``class Latest(RestMessage[Table], path="/latest/{base}")``.

    Fields named in ``path`` are put there; the others become the query of a GET, HEAD or DELETE, and the JSON body of
    every other ``verb``.  GET and HEAD are ``repeatable`` unless declared otherwise.
    """

    def __init_subclass__(
        cls, *, path: str = "", verb: HttpVerb = "GET", repeatable: bool | None = None, **config: Unpack[ConfigDict]
    ) -> None:
        """Declare the class keywords for type checkers; `__pydantic_init_subclass__` uses them."""
        super().__init_subclass__(**config)

    @classmethod
    def __pydantic_init_subclass__(
        cls, *, path: str = "", verb: HttpVerb = "GET", repeatable: bool | None = None, **kwargs: Any
    ) -> None:
        """Keep the metadata once pydantic has completed the class."""
        super().__pydantic_init_subclass__(**kwargs)
        if verb not in get_args(HttpVerb):
            raise TypeError(f"{cls.__name__}: verb={verb!r} is none of {', '.join(get_args(HttpVerb))}")
        if reply := _reply_of(cls):
            again = verb in ("GET", "HEAD") if repeatable is None else repeatable
            cls.__shape__ = Shape(reply, path=path, verb=verb, repeatable=again)


Headers = tuple[tuple[str, str], ...]


class WireRequest(NamedTuple):
    """Bytes on their way to a provider."""

    verb: HttpVerb
    url: str
    headers: Headers = ()
    body: bytes = b""


class WireResponse(NamedTuple):
    """Bytes a provider answered, decompressed."""

    status: int
    headers: Headers = ()
    body: bytes = b""

    def header(self, name: str) -> str:
        """The first value of a header, whatever its case; empty when absent."""
        wanted = name.lower()
        for key, value in self.headers:  # half the time of next() over a generator
            if key.lower() == wanted:
                return value
        return ""
