"""The HTTP transport: what it does with each failure, and what it never does."""

import asyncio
import json
import resource
import socket
import ssl
from typing import Any, cast

import aiohttp
import pytest
from aiohttp.client_reqrep import ConnectionKey
from aiohttp.http_exceptions import HttpProcessingError
from multidict import CIMultiDict, CIMultiDictProxy
from yarl import URL

from pi_server.domain.call import Call
from pi_server.domain.deadline import NEVER, Deadline
from pi_server.domain.exchange import Endpoint, Exchange
from pi_server.domain.faults import ProviderFailure, ProviderFault
from pi_server.domain.message import HttpVerb, WireRequest, WireResponse
from pi_server.providers.settings import RestSettings
from pi_server.providers.transport import HttpTransport, kind_of, target


def _settings(endpoint: str, **section: Any) -> RestSettings:
    return RestSettings.model_validate({"endpoint": endpoint, **section})


async def _get(url: str, *, deadline: Deadline = NEVER, **section: Any) -> WireResponse:
    transport = HttpTransport(_settings(url, **section))
    try:
        request = WireRequest("GET", url, (("Accept", "application/json"),))
        return await transport.send(Exchange(Call(), Endpoint(url, "", ""), request, deadline))
    finally:
        await transport.close()


async def _failure(url: str, **section: Any) -> ProviderFault:
    with pytest.raises(ProviderFault) as caught:
        await _get(url, **section)
    return caught.value


def _subclasses(of: type[BaseException]) -> set[type[BaseException]]:
    return {of}.union(*map(_subclasses, of.__subclasses__()))


ERRORS = list(_subclasses(aiohttp.ClientError) | _subclasses(HttpProcessingError))
ERRORS.sort(key=lambda error: error.__name__)
MALFORMED = {HttpProcessingError, aiohttp.ClientResponseError, aiohttp.ClientPayloadError}
INFO = aiohttp.RequestInfo(URL("http://x"), "GET", CIMultiDictProxy(CIMultiDict[str]()), URL("http://x"))
KEY = ConnectionKey("x", 80, False, True, None, None, None)
ARGUMENTS: list[tuple[Any, ...]] = [
    (),
    ("text",),
    (INFO, ()),
    (KEY, OSError(1, "text")),
    ("/path", KEY, OSError(1, "text")),
    (KEY, ssl.SSLCertVerificationError("text")),
    (b"a", b"b", "host", 1),
]


def _instance(error: type[BaseException]) -> Exception:
    for arguments in ARGUMENTS:
        try:
            found = error(*arguments)
            str(found)
        except (TypeError, AttributeError, ValueError, AssertionError):
            continue
        assert isinstance(found, Exception)
        return found
    raise AssertionError(f"no arguments are known for {error}")


@pytest.mark.parametrize("error", ERRORS)
async def test_every_error_of_the_carrier_is_a_provider_fault(
    error: type[BaseException], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever aiohttp raises leaves the transport as a fault with a kind of its own and a reason."""
    raised = _instance(error)

    async def fail(*_: Any, **__: Any) -> None:
        raise raised

    monkeypatch.setattr(aiohttp.TCPConnector, "connect", fail)
    fault = await _failure("http://market.invalid")
    wanted: ProviderFailure = "timeout" if issubclass(error, TimeoutError) else "unreachable"
    assert fault.kind == ("malformed" if issubclass(error, tuple(MALFORMED)) else wanted)
    assert error.__name__ in fault.reason


def test_timeouts_of_any_make_are_timeouts() -> None:
    """Reading and connecting may time out by aiohttp's own clocks, too."""
    assert kind_of(aiohttp.ServerTimeoutError()) == kind_of(aiohttp.ConnectionTimeoutError()) == "timeout"
    assert kind_of(ConnectionResetError()) == kind_of(ssl.SSLError("x")) == "unreachable"


@pytest.mark.parametrize(
    ("path", "kinds"),
    [
        ("garbage", {"malformed"}),
        ("truncated", {"malformed"}),
        ("bad-chunk", {"malformed"}),
        ("bad-gzip", {"malformed"}),
        ("many-headers", {"malformed"}),
        ("hangup", {"unreachable"}),
        ("reset", {"unreachable"}),
        ("reset-late", {"malformed", "unreachable"}),
        ("huge", {"too_large"}),
        ("bomb", {"too_large"}),
        ("slow", {"timeout"}),
        ("silent-body", {"timeout"}),
        ("dribble", {"timeout"}),
    ],
)
async def test_each_misbehaviour_has_its_kind_within_the_deadline(
    rest_provider: str, path: str, kinds: set[str]
) -> None:
    """No provider keeps an exchange longer than its timeout, and each failure is told from the others."""
    clock = asyncio.get_running_loop().time
    start = clock()
    fault = await _failure(f"{rest_provider}/{path}", timeout=2.5 if "timeout" in kinds else 30)
    assert fault.kind in kinds
    assert fault.sent
    assert clock() - start < 20  # the provider would take a minute


async def test_a_closed_port_is_unreachable_at_once() -> None:
    """A refused connection is told without waiting."""
    with socket.socket() as unheard:
        unheard.bind(("127.0.0.1", 0))
        fault = await _failure(f"http://127.0.0.1:{unheard.getsockname()[1]}/")
    assert (fault.kind, fault.sent) == ("unreachable", False)


async def test_a_connection_that_never_stands_ends_at_its_own_limit() -> None:
    """The limit for connecting is apart from the time for the whole exchange."""
    with socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        url = f"http://127.0.0.1:{full.getsockname()[1]}/"
        fillers = [socket.socket() for _ in range(4)]
        for filler in fillers:
            filler.setblocking(False)
            filler.connect_ex(full.getsockname())
        start = asyncio.get_running_loop().time()
        fault = await _failure(url, connect_timeout=0.3, timeout=60)
        for filler in fillers:
            filler.close()
    assert (fault.kind, fault.sent) == ("timeout", False)
    assert asyncio.get_running_loop().time() - start < 20


async def test_a_host_without_address_is_unreachable() -> None:
    """A name that cannot be resolved is told like a closed port."""
    assert (await _failure("http://no-such-host.invalid/", timeout=5)).kind in ("unreachable", "timeout")


async def test_the_calls_deadline_counts(rest_provider: str) -> None:
    """The exchange ends at its deadline, even when its own timeout is longer."""
    clock = asyncio.get_running_loop().time
    start = clock()
    with pytest.raises(ProviderFault) as caught:
        await _get(f"{rest_provider}/slow", deadline=Deadline(start + 0.3), timeout=60)
    assert caught.value.kind == "timeout"
    assert clock() - start < 20


async def test_a_cancelled_exchange_stays_cancelled(rest_provider: str) -> None:
    """Cancelling is not a failure of the provider, also when it comes together with the deadline."""
    clock = asyncio.get_running_loop().time
    for wait in (0.05, 0.2):
        at = Deadline(clock() + 0.2)
        task = asyncio.ensure_future(_get(f"{rest_provider}/slow", deadline=at))
        asyncio.get_running_loop().call_at(clock() + wait, task.cancel)
        if wait == 0.2:
            asyncio.get_running_loop().call_at(at.at, task.cancel)
        with pytest.raises(asyncio.CancelledError):
            await task


async def test_an_outer_timeout_stays_a_timeout(rest_provider: str) -> None:
    """The timeout of a call around the exchange is its own, not the provider's."""
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.2):
            await _get(f"{rest_provider}/slow")


async def test_redirects_are_not_followed(rest_provider: str) -> None:
    """A redirect is an answer with its status."""
    answer = await _get(f"{rest_provider}/redirect")
    assert (answer.status, answer.header("location")) == (302, "/latest/EUR")


async def test_cookies_are_not_kept(rest_provider: str) -> None:
    """What a provider sets in one exchange is unknown to the next, on the same connection."""
    transport = HttpTransport(_settings(rest_provider))
    answers: list[WireResponse] = []
    for path in ("cookie", "echo"):
        request = WireRequest("GET", f"{rest_provider}/{path}")
        answers.append(await transport.send(Exchange(Call(), Endpoint("", "", ""), request)))
    await transport.close()
    assert answers[0].header("set-cookie")
    assert b'"cookie"' not in answers[1].body
    assert b'"count": 2' in answers[1].body


async def test_a_bomb_does_not_fill_the_memory(rest_provider: str) -> None:
    """The limit counts decompressed bytes, and stops the decompression."""
    await _get(f"{rest_provider}/empty")
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert (await _failure(f"{rest_provider}/bomb")).kind == "too_large"
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 40_000


async def test_proxies_of_the_environment_are_ignored(rest_provider: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only the configuration decides where bytes go."""
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    assert (await _get(f"{rest_provider}/empty")).status == 200


async def test_the_url_is_sent_as_it_was_built(rest_provider: str) -> None:
    """Quoted slashes and dots are not undone on the way."""
    answer = await _get(f"{rest_provider}/echo/..%2Fx%20y/?q=%2B")
    assert b'"/echo/..%2Fx%20y/?q=%2B"' in answer.body


async def test_undecodable_headers_can_be_written_again(rest_provider: str) -> None:
    """A header in a strange encoding becomes readable text that any log can encode."""
    (await _get(f"{rest_provider}/odd-header")).header("x-odd").encode()


async def test_no_more_connections_than_configured(rest_provider: str) -> None:
    """Exchanges wait for a connection, within their deadline."""
    transport = HttpTransport(_settings(rest_provider, connections=1, timeout="500ms"))
    request = WireRequest("GET", f"{rest_provider}/slow")
    exchange = Exchange(Call(), Endpoint("", "", ""), request)
    results = await asyncio.gather(transport.send(exchange), transport.send(exchange), return_exceptions=True)
    await transport.close()
    assert [isinstance(r, ProviderFault) and r.kind for r in results] == ["timeout", "timeout"]


@pytest.mark.parametrize("verb", ["GET", "PUT", "DELETE", "POST"])
async def test_a_request_is_sent_once_even_on_a_stale_connection(verb: HttpVerb) -> None:
    """A provider that closes a kept connection unanswered sees no second try, for each try is on record."""
    seen: list[bytes] = []

    async def answer_once(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        seen.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")
        seen.append(await reader.readuntil(b"\r\n\r\n"))
        writer.close()

    server = await asyncio.start_server(answer_once, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
    transport = HttpTransport(_settings(url))
    exchange = Exchange(Call(), Endpoint(url, "", ""), WireRequest(verb, url))
    try:
        assert (await transport.send(exchange)).status == 200
        with pytest.raises(ProviderFault):
            await transport.send(exchange)
        assert len(seen) == 2
    finally:
        await transport.close()
        server.close()
        await server.wait_closed()


@pytest.mark.parametrize(
    ("url", "named"),
    [
        ("http://a", "/"),
        ("http://a/", "/"),
        ("http://a/b?c=d", "/b?c=d"),
        ("https://a:1/b//c", "/b//c"),
        ("http://a?x=/y", "/?x=/y"),
    ],
)
def test_a_request_line_names_path_and_query(url: str, named: str) -> None:
    """What follows the authority, and a slash where nothing does."""
    assert target(url) == named


@pytest.mark.parametrize("header", [("X-A", "b\r\nX-C: d"), ("X-A\n", "b"), ("X-A", "b\rc"), ("X-A: b\r\nX-C", "d")])
async def test_a_header_cannot_begin_another(header: tuple[str, str]) -> None:
    """A line break in a header is refused before anything is sent."""
    transport = HttpTransport(_settings("http://127.0.0.1:9"))
    request = WireRequest("GET", "http://127.0.0.1:9/", (header,))
    with pytest.raises(ProviderFault, match="line break") as caught:
        await transport.send(Exchange(Call(), Endpoint("", "", ""), request))
    assert not caught.value.sent
    await transport.close()


async def test_the_request_is_framed_as_http_asks(rest_provider: str) -> None:
    """Host, own headers, and a length wherever a body may be expected."""
    transport = HttpTransport(_settings(rest_provider))
    for verb, body, length in (("GET", b"", None), ("POST", b"", "0"), ("PUT", b"ab", "2"), ("DELETE", b"", None)):
        request = WireRequest(cast("HttpVerb", verb), f"{rest_provider}/echo", (("X-Own", "1"),), body)
        said = json.loads((await transport.send(Exchange(Call(), Endpoint("", "", ""), request))).body)
        assert said["verb"] == verb
        assert said["headers"].get("content-length") == length
        assert said["headers"]["host"] == rest_provider.removeprefix("http://")
        assert (said["headers"]["x-own"], said["headers"]["user-agent"]) == ("1", "pi-server")
        assert said["body"] == body.decode()
    await transport.close()
