"""Pages without a server: what a page's author tests a template with."""

from __future__ import annotations

import sys
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from pi_server.domain.call import Call

if TYPE_CHECKING:
    from pi_server.domain.pages import Page, PageFiles
    from pi_server.domain.service import Service

__all__ = ["render"]


def render(page: Page, service: Service | type[Service], call: Call | None = None, *, csrf_token: str = "") -> str:
    """The HTML of ``page`` as the server would send it for ``service``, to the consumer of ``call``.

    With a ``csrf_token`` the page has it in ``csrf_field``, as for somebody who is signed in.

    Raises:
        pi_server.domain.pages.PageFilesError: a template or static file of the package cannot be used.
        Exception: there is no such template, or it cannot be filled.
    """
    from pi_server.web.pages.operation import html_of  # Jinja2 and HTTP, for tests of pages only

    cls = service if isinstance(service, type) else type(service)
    files = _files(Path(sys.modules[cls.__module__].__file__ or ".").parent)
    return html_of(page, cls.root, files, call or Call(), token=csrf_token, nonce="nonce")


@lru_cache(maxsize=16)
def _files(package: Path) -> PageFiles:
    from pi_server.web.pages.files import read_page_files

    return read_page_files(package)
