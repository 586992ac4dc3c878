"""What an operation answers a person with: pages, redirects and texts."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol, Self

SERVERS_OWN = frozenset({"call", "csrf_field", "nonce", "root", "static", "url"})
"""What every template is given besides its context."""

_LOCAL = re.compile(r"/(?![/\\])[^\\\x00-\x1f\x7f-\x9f\ud800-\udfff]*")
_REDIRECTS = frozenset({301, 302, 303, 307, 308})


@dataclass(frozen=True, slots=True)
class Page:
    """A template of the package's ``templates/`` and what it is filled with; the server renders it.

    A plain value, so that a test compares it.  A header given here counts before the server's own.

    Raises:
        ValueError: the context names what is the server's own to give.
    """

    template: str
    context: Mapping[str, Any] = field(default_factory=dict[str, Any])
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict[str, str])

    def __post_init__(self) -> None:
        if taken := SERVERS_OWN & self.context.keys():
            raise ValueError(f"{self.template}: {', '.join(sorted(taken))} cannot be in a context: the server gives it")


@dataclass(frozen=True, slots=True)
class Redirect:
    """Sends the browser to another page of this service: ``to`` is below its root, or a whole path below it.

    Raises:
        ValueError: ``to`` is no path of this server, or the status no redirect's.
    """

    to: str
    status: int = 303
    headers: Mapping[str, str] = field(default_factory=dict[str, str])

    def __post_init__(self) -> None:
        if not is_local(self.to):
            raise ValueError(f"no path of this server: {self.to[:100]!a}")
        if self.status not in _REDIRECTS:
            raise ValueError(f"{self.status} redirects nobody")

    @classmethod
    def back(cls, asked: str, otherwise: str) -> Self:
        """Where a consumer ``asked`` to be sent (``?next=``) if that is on this server, and ``otherwise`` if not."""
        return cls(asked if is_local(asked) else otherwise)


@dataclass(frozen=True, slots=True)
class Text:
    """Text that is no page: robots.txt, a list to download."""

    text: str
    content_type: str = "text/plain"
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict[str, str])


def is_local(target: str) -> bool:
    """Whether every browser takes ``target`` for a path of the server it is on, and for nothing else."""
    return _LOCAL.fullmatch(target) is not None


def below(root: str, target: str) -> str:
    """The whole path of ``target``, which lies below ``root`` or is such a path already."""
    root = root.rstrip("/")
    path = target.partition("?")[0].partition("#")[0]
    return target if path == root or path.startswith(f"{root}/") else root + target


@dataclass(frozen=True, slots=True)
class StaticFile:
    """One file of a package's ``static/``; ``version`` is another one whenever the content is."""

    content: bytes
    content_type: str
    version: str


class PageFiles(Protocol):
    """The templates and static files of one package, read and compiled when the plugin is bound."""

    @property
    def static(self) -> Mapping[str, StaticFile]:
        """The files by name, which may hold slashes."""
        ...

    def render(self, template: str, values: Mapping[str, Any], /) -> str:
        """The HTML of ``template``.

        Raises:
            Exception: there is no such template, or it cannot be filled with these values.
        """
        ...


class PageFilesError(ValueError):
    """Raised with everything that is wrong: the file, with its line where that is known, and why."""

    def __init__(self, *problems: tuple[str, str]) -> None:
        super().__init__("; ".join(f"{place}: {reason}" for place, reason in problems))
        self.problems = problems
