"""One verb and path of a service, and the decorators that declare it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Generic, Literal, TypeVar

from pi_server.domain.message import HttpVerb

F = TypeVar("F", bound=Callable[..., Any])
T = TypeVar("T")

Once = Literal[False, True, "required"]
"""Whether repeats are known by their idempotency key, and whether there must be one."""

_MARK = "__pi_operation__"


class Query:
    """Marks a parameter taken from the query whatever the verb: ``Annotated[Page, Query]``."""


class Body:
    """Marks a parameter taken from the JSON body whatever the verb: ``Annotated[Filter, Body]``."""


@dataclass(frozen=True)
class Reply(Generic[T]):
    """An answer with a status or headers of its own; ``Reply[Receipt]`` as return type keeps the model documented."""

    value: T
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict[str, str])


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """What a verb decorator declares, completed at bind with the service's name, root and defaults.

    ``path`` is the template below the service's root while declared, and the whole template once bound.  ``timeout`` is
    in seconds.  ``enquire`` is the method that asks whether an earlier call did its work, if there is one.  ``None``
    means: as the service says.
    """

    verb: HttpVerb
    path: str
    name: str
    method: Callable[..., Any]
    scope: str | None = None
    public: bool = False
    chain: str | None = None
    timeout: float | None = None
    consumes: tuple[str, ...] | None = None
    produces: tuple[str, ...] | None = None
    middlewares: tuple[Callable[[Any], Any], ...] = ()
    status: int = 200
    deprecated: bool = False
    decompress: bool = False
    page: bool = False
    once: Once = False
    enquire: str = ""
    service: str = ""
    api_name: str = ""

    @property
    def api_to(self) -> str:
        """The context under which an API gateway knows the operation: root and path without the leading slash."""
        return self.path.lstrip("/")

    @property
    def summary(self) -> str:
        """The first line of the method's docstring."""
        return (self.method.__doc__ or "").strip().partition("\n")[0]


def _verb(verb: HttpVerb) -> Callable[..., Callable[[F], F]]:
    def declare(  # noqa: PLR0913 - the options of a decorator are its vocabulary
        path: str,
        *,
        scope: str | None = None,
        public: bool = False,
        chain: str | None = None,
        timeout: float | None = None,
        consumes: tuple[str, ...] | None = None,
        produces: tuple[str, ...] | None = None,
        middlewares: tuple[Callable[[Any], Any], ...] = (),
        status: int = 200,
        deprecated: bool = False,
        decompress: bool = False,
        page: bool = False,
        once: Once = False,
        enquire: str = "",
    ) -> Callable[[F], F]:
        """Declare the decorated method as an operation.

        ``path`` is below the service's root and may hold ``{name}``, ``{name:regex}`` and a last ``{name:*}``;
        ``scope`` is what the consumer must hold; ``public`` lets anybody in; ``chain`` names another chain than the
        service's; ``timeout`` (seconds) bounds the whole call; ``status`` is the answer's on success; ``decompress``
        takes bodies with the Content-Encoding gzip or deflate, which are refused otherwise; ``page`` says that it takes
        forms and answers with HTML, also beside an operation of the same verb and path that does not; ``once`` keeps
        repeats with the same ``Idempotency-Key`` from running it again (``"required"``: without one it never runs), and
        ``enquire`` names the method that asks the provider whether it happened when nobody knows.
        """
        if not isinstance(path, str):  # pyright: ignore[reportUnnecessaryIsInstance] - who forgets it has no checker
            raise TypeError(f'@{verb.lower()} needs a path: @{verb.lower()}("/...")')

        def mark(method: F) -> F:
            operation = Operation(
                verb=verb,
                path=path,
                name=method.__name__,
                method=method,
                scope=scope,
                public=public,
                chain=chain,
                timeout=timeout,
                consumes=consumes,
                produces=produces,
                middlewares=middlewares,
                status=status,
                deprecated=deprecated,
                decompress=decompress,
                page=page,
                once=once,
                enquire=enquire,
            )
            setattr(method, _MARK, operation)
            return method

        return mark

    declare.__qualname__ = verb.lower()  # by which Python calls it when an option is misspelt
    return declare


get = _verb("GET")
post = _verb("POST")
put = _verb("PUT")
patch = _verb("PATCH")
delete = _verb("DELETE")


def operations_of(service: type) -> list[Operation]:
    """The operations a service class declares, inherited ones included, in order of declaration."""
    names = dict.fromkeys(name for base in reversed(service.__mro__) for name in vars(base))
    methods: list[Any] = [getattr(service, name) for name in names]
    return [replace(getattr(m, _MARK), method=m) for m in methods if callable(m) and hasattr(m, _MARK)]
