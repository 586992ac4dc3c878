"""Keys that another issuer publishes are fetched when they are needed, and followed when they change."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable
from typing import Any

import jwt
import pytest
from aiohttp import ClientSession, web
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from pi_server.domain.consumer import Consumer
from pi_server.domain.faults import Unauthenticated
from tests.auth.tokens import EC, RSA, SMALL, Scene, signed

NEXT = rsa.generate_private_key(65537, 2048)


def jwk(kid: object, key: Any = RSA, **more: Any) -> dict[str, Any]:
    """A key as issuers publish it."""
    algorithm = jwt.get_algorithm_by_name("RS256" if isinstance(key, rsa.RSAPrivateKey) else "ES256")
    public: dict[str, Any] = algorithm.to_jwk(key.public_key(), as_dict=True)
    public.pop("key_ops", None)
    return {**public, "kid": kid, "use": "sig", **more}


class Publisher:
    """An issuer: it publishes keys, counts who asks, and can be slow or broken."""

    def __init__(self, *keys: dict[str, Any]) -> None:
        self.keys = list(keys)
        self.body: bytes | None = None
        self.asked = 0
        self.pause = 0.0
        self.broken = False

    async def fetch(self, url: str) -> bytes:
        """The key set."""
        assert url == "https://id.example/keys"
        self.asked += 1
        await asyncio.sleep(self.pause)
        if self.broken:
            raise OSError("connection refused")
        return json.dumps({"keys": self.keys}).encode() if self.body is None else self.body

    def scene(self, **more: Any) -> Scene:
        """A server that takes this issuer's tokens."""
        section = {
            "jwks": {
                "id": {"url": "https://id.example/keys", "issuer": "https://id.example", "realms": ["shop"], **more}
            }
        }
        return Scene(section, fetch=self.fetch)


def token(scene: Scene, kid: str = "one", key: Any = RSA, **changes: Any) -> str:
    """A token of that issuer."""
    algorithm = "RS256" if isinstance(key, rsa.RSAPrivateKey) else "ES256"
    claims = scene.claims(iss="https://id.example", **changes)
    return signed({"alg": algorithm, "kid": kid, "typ": "at+jwt"}, claims, key, algorithm)


async def refused(scene: Scene, text: str) -> str:
    """The reason of the refusal."""
    with pytest.raises(Unauthenticated) as error:
        await scene.verify_soon(text)
    return error.value.reason


@pytest.fixture
async def served() -> AsyncIterator[tuple[Publisher, str]]:
    """A publisher behind real HTTP."""
    publisher = Publisher(jwk("one"))

    async def keys(_: web.Request) -> web.Response:
        return web.Response(body=await publisher.fetch("https://id.example/keys"), content_type="application/json")

    application = web.Application()
    application.router.add_get("/keys", keys)
    runner = web.AppRunner(application)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield publisher, f"http://127.0.0.1:{runner.addresses[0][1]}/keys"
    await runner.cleanup()


async def test_keys_are_fetched_over_http_and_rotated(served: tuple[Publisher, str]) -> None:
    """A new key id makes the set be fetched again; the key that is gone is good no more."""
    publisher, url = served
    async with ClientSession() as session:

        async def fetch(address: str) -> bytes:
            async with session.get(address, raise_for_status=True) as response:
                return await response.read()

        scene = Scene({"jwks": {"id": {"url": url, "issuer": "https://id.example", "realms": ["shop"]}}}, fetch=fetch)
        assert (await scene.verify_soon(token(scene))).name == "alice"
        publisher.keys = [jwk("two", NEXT)]
        scene.clock.advance(30)
        assert (await scene.verify_soon(token(scene, "two", NEXT))).name == "alice"
        assert await refused(scene, token(scene, jti="other")) == "JWT signed with an unknown key"


async def test_only_what_must_wait_waits() -> None:
    """The first token waits for the keys; from then on tokens of known keys are verified at once."""
    scene = Publisher(jwk("one")).scene()
    first = scene.authority.verifier.verify(token(scene), "shop")
    assert isinstance(first, Awaitable)
    consumer = await first
    assert consumer == Consumer("alice", frozenset(), "jwt", realm="shop")
    assert scene.authority.verifier.verify(token(scene, jti="other"), "shop") == consumer


async def test_made_up_key_ids_are_not_turned_into_requests() -> None:
    """A hundred unknown ids are one fetch in half a minute."""
    publisher = Publisher(jwk("one"))
    scene = publisher.scene()
    for turn in range(2):
        for number in range(100):
            assert await refused(scene, token(scene, f"x{number}")) == "JWT signed with an unknown key"
        assert publisher.asked == turn + 1
        scene.clock.advance(30)


async def test_all_who_wait_wait_for_one_fetch() -> None:
    """Fifty calls at once ask once; one that goes away takes nobody's answer along."""
    publisher = Publisher(jwk("one"))
    publisher.pause = 0.05
    scene = publisher.scene()
    calls = [asyncio.ensure_future(scene.verify_soon(token(scene, jti=f"j{n}"))) for n in range(50)]
    await asyncio.sleep(0.01)
    calls[0].cancel()
    answers = await asyncio.gather(*calls, return_exceptions=True)
    assert publisher.asked == 1
    assert isinstance(answers[0], asyncio.CancelledError)
    assert {answer.name for answer in answers[1:] if isinstance(answer, Consumer)} == {"alice"}
    assert len(answers[1:]) == sum(isinstance(answer, Consumer) for answer in answers)


async def test_keys_stay_good_while_the_issuer_is_away(caplog: pytest.LogCaptureFixture) -> None:
    """Known keys go on when a later fetch fails; the log names the key set."""
    publisher = Publisher(jwk("one"))
    scene = publisher.scene()
    await scene.verify_soon(token(scene))
    publisher.broken = True
    scene.clock.advance(3600)
    assert (await scene.verify_soon(token(scene))).name == "alice"
    assert "jwt.jwks.id: the key set cannot be had: OSError: connection refused" in caplog.messages
    assert (await scene.verify_soon(token(scene, jti="other"))).name == "alice"
    assert publisher.asked == 2


async def test_a_key_taken_back_is_trusted_for_minutes_only() -> None:
    """Without any new key id the set is fetched again after ten minutes."""
    publisher = Publisher(jwk("one"))
    scene = publisher.scene()
    await scene.verify_soon(token(scene))
    publisher.keys = [jwk("two", NEXT)]
    scene.clock.advance(600)
    assert await refused(scene, token(scene)) == "JWT signed with an unknown key"


@pytest.mark.parametrize(
    "body",
    [b"", b"{}", b"[]", b"null", b'{"keys":1}', b'{"keys":[]}', b'{"keys":{}}', b'{"keys":[1,null,"x",[]]}', b"\xff",
     b"<html>", b"[" * 5000, b" " * 300_000],
)  # fmt: skip
async def test_what_is_no_key_set_changes_nothing(body: bytes) -> None:
    """Nonsense is a failed fetch: nobody is let in, and nothing but a refusal comes out."""
    publisher = Publisher()
    publisher.body = body
    scene = publisher.scene()
    assert await refused(scene, token(scene)) == "JWT signed with an unknown key"


@pytest.mark.parametrize(
    "entry",
    [
        jwk(1),
        jwk(None),
        jwk(["one"]),
        jwk("one", use="enc"),
        jwk("one", alg="RS512"),
        jwk("one", alg="HS256"),
        jwk("one", key_ops=["encrypt"]),
        jwk("one", key_ops=1),
        jwk("one", d="AQAB"),
        jwk("one", n=""),
        jwk("one", n=1),
        jwk("one", n="\u00fc"),
        jwk("one", e="AA"),
        jwk("one", e=None),
        jwk("one", EC),
        jwk("one", SMALL),
        {"kty": "oct", "kid": "one", "k": "AQAB"},
        {"kid": "one"},
        {"kty": "RSA", "kid": "one"},
        {"kty": ["RSA"], "kid": "one"},
    ],
)
async def test_keys_of_another_kind_are_passed_over(entry: dict[str, Any]) -> None:
    """Beside a good key, one that is not for this algorithm, too small or broken is as if it were not there."""
    scene = Publisher(entry, jwk("good", NEXT)).scene()
    assert (await scene.verify_soon(token(scene, "good", NEXT))).name == "alice"
    assert await refused(scene, token(scene)) == "JWT signed with an unknown key"


async def test_es256_sets_are_taken_by_their_section() -> None:
    """The configuration says which algorithm an issuer uses; its token does not."""
    publisher = Publisher(jwk("one", EC), jwk("two", RSA), jwk("three", ec.generate_private_key(ec.SECP384R1())))
    scene = publisher.scene(algorithm="ES256")
    assert (await scene.verify_soon(token(scene, "one", EC))).name == "alice"
    assert await refused(scene, token(scene, "two", RSA)) == "JWT signed with an unknown key"


async def test_an_issuer_counts_only_in_its_realms() -> None:
    """A user of another issuer is nobody where people of the same name have signed up by themselves."""
    scene = Publisher(jwk("one")).scene(realms=["office"])
    assert await refused(scene, token(scene)) == "JWT of an issuer that does not count in this realm"


async def test_an_audience_of_the_issuer_replaces_the_realm() -> None:
    """With `audience` its tokens name that, without it the realm."""
    scene = Publisher(jwk("one")).scene(audience="api://orders")
    assert (await scene.verify_soon(token(scene, aud=["x", "api://orders"]))).realm == "shop"
    assert await refused(scene, token(scene, aud="shop")) == "JWT for another audience"


async def test_an_issuer_speaks_for_itself_only() -> None:
    """Its keys prove nothing in our name, our keys nothing in its name, and nobody but us gives out everything."""
    scene = Publisher(jwk("one")).scene()
    found = await scene.verify_soon(token(scene, scope="* a", exp=scene.clock.wall() + 43_200))
    assert found.scopes == {"a"}
    assert scene.verify(scene.issue(scopes=["*"])).scopes == {"*"}
    ours = signed({"alg": "RS256", "kid": "one", "typ": "JWT"}, scene.claims(), RSA, "RS256")
    assert await refused(scene, ours) == "JWT signed with an unknown key"
    assert await refused(scene, token(scene, exp=scene.clock.wall() + 43_300)) == "JWT good for longer than is allowed"


async def test_tokens_of_others_can_be_revoked() -> None:
    """By the realm's issuer, like our own, also when its keys are not known yet."""
    scene = Publisher(jwk("one")).scene()
    shown = token(scene)
    await scene.authority.issuer("shop").revoke(shown)
    assert await refused(scene, shown) == "JWT revoked"
