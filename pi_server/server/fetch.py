"""Getting another issuer's key set: rare, small, and never waited for long."""

import aiohttp

LARGEST = 2**20
"""Bytes of an answer, at most."""

_PATIENCE = aiohttp.ClientTimeout(total=5)


async def fetch(url: str) -> bytes:
    """The body found at ``url``, without redirects, cookies or proxies.

    Raises:
        ValueError: the status is not 200, or the body is larger than `LARGEST`.
        aiohttp.ClientError, TimeoutError: there is none.
    """
    async with (
        aiohttp.ClientSession(timeout=_PATIENCE, cookie_jar=aiohttp.DummyCookieJar(), trust_env=False) as session,
        session.get(url, allow_redirects=False) as response,
    ):
        if response.status != 200:
            raise ValueError(f"it answered {response.status}")
        body = await response.content.read(LARGEST + 1)
        while len(body) <= LARGEST and (piece := await response.content.readany()):
            body += piece
    if len(body) > LARGEST:
        raise ValueError(f"it is larger than {LARGEST} bytes")
    return body
