"""The plugin: a class whose fields are its configuration and whose decorated methods are its operations."""

import dataclasses
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, nullcontext
from typing import Any, ClassVar, dataclass_transform

from pi_server.domain.operation import operations_of


@dataclass_transform(kw_only_default=True, frozen_default=True)
class Service:
    """Derive from this to serve operations below one root path.

    Annotated fields are filled from ``services.<name>`` of the configuration: a `SoapProvider` or `RestProvider` is
    built from a section of its own, a nested `Service` is mounted below this one, a capability of ``pi_server.data`` or
    ``pi_server.security`` is the server's to give, anything else is decoded by pydantic.
    """

    root: ClassVar[str] = ""
    consumes: ClassVar[tuple[str, ...]] = ("application/json",)
    produces: ClassVar[tuple[str, ...]] = ("application/json",)
    middlewares: ClassVar[tuple[Callable[[Any], Any], ...]] = ()
    sign_in_page: ClassVar[str] = ""

    def __init_subclass__(cls, **kwargs: Any) -> None:
        """Make the subclass a frozen dataclass, so that a service is a plain value in tests."""
        super().__init_subclass__(**kwargs)
        dataclasses.dataclass(kw_only=True, frozen=True, eq=False)(cls)
        for taken in (operation.name for operation in operations_of(cls) if hasattr(Service, operation.name)):
            raise TypeError(f"{cls.__name__}.{taken} cannot be an operation: every service has {taken} of its own")

    def lifespan(self) -> AbstractAsyncContextManager[None]:
        """Override to hold something open while the service serves; entered at start, left at stop."""
        return nullcontext()
