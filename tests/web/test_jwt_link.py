"""JSON Web Tokens over HTTP: RFC 6750, and the cookie."""

import pytest

from tests.web.signing import setting, worker

INVALID = 'Bearer realm="portal", error="invalid_token"'


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER", "bEaReR"])
@pytest.mark.parametrize("token", ["good", "late-good"])
async def test_a_bearer_token_is_let_in(scheme: str, token: str) -> None:
    """The scheme is compared without regard to case; a verifier may answer at once or later."""
    async with worker(setting()) as portal:
        answer = await portal.ask("GET", "/portal/bearer", headers={"Authorization": f"{scheme}  {token} "})
        assert (answer.status, answer.data) == (200, "ann")


async def test_the_cookie_is_let_in_and_may_repeat_the_header() -> None:
    """The cookie named in the configuration is as good; the same token in both places is one credential."""
    async with worker(setting()) as portal:
        for headers in ({}, {"Authorization": "Bearer good"}):
            answer = await portal.ask("GET", "/portal/bearer", headers=headers, cookie="a=b; token=good")
            assert (answer.status, answer.data) == (200, "ann")


@pytest.mark.parametrize("token", ["wrong", "late-wrong", "", "x" * 7000, "é", "a b", "good,good", "..", "good\t."])
async def test_a_bad_token_is_named_invalid(token: str) -> None:
    """401 with error="invalid_token", whatever it is, and without a word of it."""
    async with worker(setting()) as portal:
        answer = await portal.ask("GET", "/portal/bearer", headers={"Authorization": f"Bearer {token}"})
        assert (answer.status, answer.headers["WWW-Authenticate"]) == (401, INVALID)
        assert not token or token not in str(answer.body)


async def test_bytes_that_are_no_text_are_refused() -> None:
    r"""``\xff`` in the header or the cookie is 401, not 500."""
    async with worker(setting()) as portal:
        for header in (b"Authorization: Bearer \xff\xfe", b"Cookie: token=\xff", b"Authorization: \xff"):
            line = await portal.raw(b"GET /portal/bearer HTTP/1.1\r\nHost: x\r\n" + header + b"\r\n\r\n")
            assert b" 401 " in line


async def test_a_token_of_more_than_8_kib_is_refused() -> None:
    """By the server's limit for a header line, or by ours: never accepted, never 500."""
    async with worker(setting()) as portal:
        for size in (8180, 8193, 20_000):
            answer = await portal.ask("GET", "/portal/bearer", headers={"Authorization": f"Bearer {'x' * size}"})
            assert answer.status in {400, 401, 431}


async def test_no_access_is_no_error() -> None:
    """401 without an error attribute (RFC 6750, 3.1); another scheme is none of ours."""
    async with worker(setting()) as portal:
        for headers in ({}, {"Authorization": "Basic YTpi"}, {"Authorization": "Bearerx good"}):
            answer = await portal.ask("GET", "/portal/bearer", headers=headers)
            assert (answer.status, answer.headers["WWW-Authenticate"]) == (401, 'Bearer realm="portal"')


async def test_two_different_tokens_are_two_credentials() -> None:
    """400 for header and cookie that disagree, and for two cookies or two headers."""
    async with worker(setting()) as portal:
        bearer = {"Authorization": "Bearer good"}
        for headers, cookie in ((bearer, "token=other"), ({}, "token=good; token=other")):
            assert (await portal.ask("GET", "/portal/bearer", headers=headers, cookie=cookie)).status == 400
        twice = b"Authorization: Bearer good\r\nAuthorization: Bearer other\r\n"
        assert b" 400 " in await portal.raw(b"GET /portal/bearer HTTP/1.1\r\nHost: x\r\n" + twice + b"\r\n")


async def test_a_token_is_nothing_in_another_realm() -> None:
    """The verifier is asked with the realm of the chain."""
    async with worker(setting()) as portal:
        answer = await portal.ask("GET", "/other/bearer", headers={"Authorization": "Bearer good"})
        assert (answer.status, answer.headers["WWW-Authenticate"]) == (401, INVALID.replace("portal", "other"))
