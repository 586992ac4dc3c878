"""The sockets a server listens on: an address, a path, or what systemd hands over.

Whoever makes them keeps them: workers only borrow them, so no connection is lost between two of those.
"""

import os
import socket
from contextlib import ExitStack, suppress
from pathlib import Path

from pi_server.config import ServerSection

BACKLOG = 1024
"""Connections that may wait to be accepted, as while workers take turns."""

_FIRST_HANDED = 3  # SD_LISTEN_FDS_START of sd_listen_fds(3)


def bound(settings: ServerSection) -> list[socket.socket]:
    """Listening sockets: those of systemd if it hands over any, else ``server.unix``, else host and port.

    Raises:
        OSError: an address cannot be bound.
    """
    if handed := _handed_over():
        return handed
    if settings.unix:
        return [_at_path(settings.unix)]
    return bound_at(settings.host, settings.port)


def bound_at(host: str, port: int) -> list[socket.socket]:
    """One socket for each address ``host`` has, all on one port; with 0, on one the system chooses.

    Raises:
        OSError: an address cannot be bound.
    """
    with ExitStack() as opened:
        sockets: list[socket.socket] = []
        kind, flags = socket.SOCK_STREAM, socket.AI_PASSIVE
        for family, _, _, _, address in dict.fromkeys(socket.getaddrinfo(host, port, type=kind, flags=flags)):
            chosen = sockets[0].getsockname()[1] if sockets else port
            made = opened.enter_context(socket.socket(family, kind))
            made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if family == socket.AF_INET6:
                made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            made.bind((address[0], chosen, *address[2:]))
            made.listen(BACKLOG)
            sockets.append(made)
        opened.pop_all()
    return sockets


def shown(made: socket.socket, *, secure: bool = False) -> str:
    """The address as people write it: a URL, or ``unix:`` and the path."""
    name = made.getsockname()
    if isinstance(name, str):
        return f"unix:{name}"
    host, port = name[:2]
    scheme = "https" if secure else "http"
    return f"{scheme}://[{host}]:{port}" if ":" in host else f"{scheme}://{host}:{port}"


def let_go(sockets: list[socket.socket]) -> None:
    """Close what `bound` made, and remove the path of one that has a path."""
    for made in sockets:
        name = made.getsockname()
        made.close()
        if isinstance(name, str) and name:
            with suppress(FileNotFoundError):
                Path(name).unlink()


def _handed_over() -> list[socket.socket]:
    """What sd_listen_fds(3) describes; taken once, so that no child takes it for its own."""
    if os.environ.get("LISTEN_PID") != str(os.getpid()):
        return []
    count = int(os.environ.pop("LISTEN_FDS", "0"))
    for name in ("LISTEN_PID", "LISTEN_FDNAMES"):
        os.environ.pop(name, None)
    return [socket.socket(fileno=number) for number in range(_FIRST_HANDED, _FIRST_HANDED + count)]


def _at_path(path: Path) -> socket.socket:
    """A unix socket for its owner and group, such as a proxy's; one that nobody answers at is replaced."""
    path.parent.mkdir(parents=True, exist_ok=True)
    made = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        if path.is_socket() and not _answers(path):
            path.unlink()
        made.bind(str(path))
        path.chmod(0o660)
        made.listen(BACKLOG)
    except BaseException:
        made.close()
        raise
    return made


def _answers(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as asked:
        return asked.connect_ex(str(path)) == 0
