"""How providers are shown who asks: credentials that do not change, on a real market that repeats what it was sent."""

from typing import Any

import pytest
from pydantic import ValidationError

from pi_server import Call
from pi_server.config import problems_from
from pi_server.providers.settings import RestSettings
from tests.canaries import canary
from tests.providers.bank import Echo, Echoed, Latest
from tests.providers.conftest import Open


async def _echoed(open_provider: Open, endpoint: str, auth: Any) -> Echoed:
    provider = await open_provider(endpoint, auth=auth)
    return await provider.send(Call(), Echo(word="x"))


async def test_a_key_goes_in_the_header_that_is_named(open_provider: Open, rest_provider: str) -> None:
    """``api_key`` with ``header``: the key as it stands."""
    echoed = await _echoed(open_provider, rest_provider, {"kind": "api_key", "header": "X-Branch", "key": "k 1"})
    assert echoed.headers["x-branch"] == "k 1"


async def test_a_key_goes_in_the_query_that_is_named(open_provider: Open, rest_provider: str) -> None:
    """``api_key`` with ``query``: the key, encoded, behind what the message has in its query."""
    auth = {"kind": "api_key", "query": "branch", "key": "k&1=***"}
    assert (await _echoed(open_provider, rest_provider, auth)).target == "/echo/x?branch=k%261%3D%2A%2A%2A"
    provider = await open_provider(rest_provider, auth=auth)
    table = await provider.send(Call(), Latest(base="EUR", symbols=["USD"]))
    assert list(table.rates) == ["USD"]


async def test_basic_is_name_and_password(open_provider: Open, rest_provider: str) -> None:
    """``basic``: the example of RFC 7617, and one with characters beyond ASCII."""
    for user, password, sent in (
        ("Aladdin", "open sesame", "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="),
        ("test", "123£", "Basic dGVzdDoxMjPCow=="),
    ):
        echoed = await _echoed(open_provider, rest_provider, {"kind": "basic", "user": user, "password": password})
        assert echoed.headers["authorization"] == sent


async def test_bearer_is_the_token(open_provider: Open, rest_provider: str) -> None:
    """``bearer``: the token as it stands."""
    echoed = await _echoed(open_provider, rest_provider, {"kind": "bearer", "token": "t0k3n"})
    assert echoed.headers["authorization"] == "Bearer t0k3n"


async def test_without_a_credential_none_is_sent(open_provider: Open, rest_provider: str) -> None:
    """No ``auth``, or ``auth: none``: nothing that says who asks."""
    for auth in (None, "none"):
        assert "authorization" not in (await _echoed(open_provider, rest_provider, auth)).headers


_KEY = "CANARY0 key"


@pytest.mark.parametrize(
    ("auth", "told"),
    [
        (_KEY, ["auth: must be a mapping whose `kind` is one of: api_key, basic, bearer, oauth2"]),
        ([_KEY], ["auth: must be a mapping whose `kind` is one of: api_key, basic, bearer, oauth2"]),
        ({"kind": "digest"}, ["auth: must be a mapping whose `kind` is one of: api_key, basic, bearer, oauth2"]),
        ({"kind": "api_key"}, ["auth.key: is missing"]),
        ({"kind": "api_key", "key": _KEY}, ["auth: must name either a `header` or a `query` parameter"]),
        (
            {"kind": "api_key", "key": _KEY, "header": "X", "query": "x"},
            ["auth: must name either a `header` or a `query` parameter"],
        ),
        (
            {"kind": "api_key", "key": f"{_KEY}\r\nHost: evil", "header": "X"},
            ["auth.key: must be printable ASCII, not empty, without spaces around it"],
        ),
        ({"kind": "bearer", "token": ""}, ["auth.token: must be printable ASCII, not empty, without spaces around it"]),
        ({"kind": "basic", "password": _KEY, "pasword": _KEY}, ["auth.user: is missing", "auth.pasword: unknown key"]),
        ({"kind": "basic", "user": "us", "password": ""}, ["auth.password: must be text on one line, not empty"]),
        (
            {"kind": "oauth2", "url": "ftp://x", "client_id": "us", "client_secret": _KEY},
            ["auth.url: must be an absolute http:// or https:// URL (got ftp://x)"],
        ),
    ],
)
def test_mistakes_are_told_by_their_keys_and_without_secrets(auth: Any, told: list[str]) -> None:
    """Each mistake names its key as it is in the file, and repeats no secret, wherever that was put."""
    with pytest.raises(ValidationError) as caught:
        RestSettings.model_validate({"endpoint": "http://market.example", "auth": auth})
    place = ("services", "exchange", "market")
    problems = problems_from(caught.value, place, {})
    assert [f"{one.path.removeprefix('.'.join(place) + '.')}: {one.reason}" for one in problems] == told


@pytest.mark.parametrize(
    ("section", "told"),
    [
        ({"headers": {"authorization": "x"}, "auth": {"kind": "bearer", "token": "t"}}, "which `auth` sets"),
        ({"certificate_key": "us.key"}, "`certificate_key` needs a `certificate`"),
        ({"ca": "ca.pem", "unsafe_accept_any_certificate": True}, "give one of them"),
        ({"proxy": "http://proxy.example", "proxy_user": "us"}, "need each other"),
        ({"proxy": "https://proxy.example"}, "must be http://"),
        ({"proxy": "http://proxy.example/path"}, "must be http://"),
        ({"proxy": "http://us:CANARY0@proxy.example"}, "must hold neither user name"),
    ],
)
def test_keys_that_do_not_fit_together_are_told(section: dict[str, Any], told: str) -> None:
    """What contradicts itself is refused, in words, without repeating a secret."""
    with pytest.raises(ValidationError, match=told) as caught:
        RestSettings.model_validate({"endpoint": "https://market.example", **section})
    assert not [one for one in problems_from(caught.value, ("services", "x", "y"), {}) if "CANARY" in str(one)]


def test_every_secret_of_a_section_is_known_by_its_key() -> None:
    """So that those that everybody knows can be refused; and none is shown by the section itself."""
    secret = canary()
    section = {
        "auth": {"kind": "oauth2", "url": "http://x", "client_id": "us", "client_secret": secret},
        "certificate": "us.pem",
        "certificate_key": secret,
        "certificate_password": secret,
        "proxy_user": "us",
        "proxy_password": secret,
    }
    settings = RestSettings.model_validate({"endpoint": "https://market.example", **section})
    keys = {"auth.client_secret", "certificate_key", "certificate_password", "proxy_password"}
    assert settings.secrets.keys() == keys
    assert secret not in repr(settings)
