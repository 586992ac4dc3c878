"""The files of a package's ``static/``: looked up by name in a dictionary, so that none but those can be reached."""

from collections.abc import Mapping

from aiohttp import hdrs, web

from pi_server.domain.faults import NoSuchPath
from pi_server.domain.pages import StaticFile
from pi_server.web.endpoint import Handler

NAME = "name"
"""The variable of the path that holds a file's name."""

_FOR_GOOD = "public, max-age=31536000, immutable"
_ASK_AGAIN = "no-cache"


def static_files(files: Mapping[str, StaticFile]) -> Handler:
    """Answer with a file, or 304 to who has it; an address with the file's version may be kept for good."""

    async def answer(request: web.Request) -> web.StreamResponse:
        file = files.get(request.match_info[NAME])
        if file is None:
            raise NoSuchPath
        etag = f'"{file.version}"'
        kept = _FOR_GOOD if request.rel_url.raw_query_string == f"v={file.version}" else _ASK_AGAIN
        headers = {hdrs.ETAG: etag, hdrs.CACHE_CONTROL: kept}
        if _has(request.headers.get(hdrs.IF_NONE_MATCH, ""), etag):
            return web.Response(status=304, headers=headers)
        return web.Response(body=file.content, headers={**headers, hdrs.CONTENT_TYPE: file.content_type})

    return answer


def _has(known: str, etag: str) -> bool:
    """Whether one of the tags somebody knows is the file's, compared weakly (RFC 9110, 13.1.2)."""
    return known.strip() == "*" or etag in (tag.strip().removeprefix("W/") for tag in known.split(","))
