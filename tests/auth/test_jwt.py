"""Tokens are issued, verified, remembered and revoked."""

import base64
import json
from dataclasses import replace
from typing import Any

import jwt
import pytest

from pi_server.auth.jwt_authority import open_jwt
from pi_server.auth.jwt_verifying import FixedKeys, Issuer, JwtVerifier
from pi_server.auth.keyring import KeyRing
from pi_server.domain.call import Call
from pi_server.domain.consumer import Consumer
from pi_server.domain.faults import StoreUnavailable, Unauthenticated
from pi_server.domain.security import TokenIssuer
from tests.auth.tokens import (
    OLD_RING,
    PRIVATE,
    RING,
    RSA,
    SECRET,
    Scene,
    header,
    no_fetch,
    private_pem,
    public_pem,
    signed,
)


@pytest.fixture
def scene() -> Scene:
    """An authority with a key of each algorithm."""
    return Scene()


def opened(part: str) -> dict[str, Any]:
    """What a part of a token says."""
    value: dict[str, Any] = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    return value


def refused(scene: Scene, token: str, realm: str = "shop") -> str:
    """The reason of the refusal."""
    with pytest.raises(Unauthenticated) as error:
        scene.verify(token, realm)
    return error.value.reason


def test_an_issued_token_names_its_consumer(scene: Scene) -> None:
    """What was issued for a user in a realm is that user there, with the scopes given."""
    token = scene.issue("alice", scopes=["cart.read", "cart.pay"], claims={"theme": "dark"})
    assert scene.verify(token) == Consumer("alice", frozenset({"cart.read", "cart.pay"}), "jwt", realm="shop")


def test_an_issued_token_is_what_the_standards_say(scene: Scene) -> None:
    """It has every registered claim, is an access token, and PyJWT verifies it with the same key."""
    token = scene.issue(claims={"theme": "dark"})
    assert opened(token.split(".")[0]) == {"alg": "HS256", "kid": "main", "typ": "at+jwt"}
    now = scene.clock.wall()
    read = jwt.decode(
        token, SECRET, ["HS256"], {"verify_exp": False, "verify_iat": False, "verify_nbf": False}, audience="shop"
    )
    jti = read.pop("jti")
    assert len(base64.urlsafe_b64decode(jti + "==")) == 16
    assert read == {
        "iss": "pi-server", "aud": "shop", "sub": "alice", "iat": now, "nbf": now, "exp": now + 900, "scope": "",
        "theme": "dark",
    }  # fmt: skip


async def test_signing_out_ends_the_token_of_the_call(scene: Scene) -> None:
    """It is known by its id; a session, or a token of another realm, is not this issuer's to end."""
    token, issuer = scene.issue("alice"), scene.authority.issuer("shop")
    consumer = scene.verify(token)
    assert consumer.sign_in == opened(token.split(".")[1])["jti"]
    for other in (replace(consumer, kind="session"), replace(consumer, realm="portal")):
        await issuer.close(Call(consumer=other))
    assert scene.verify(token) == consumer
    await issuer.close(Call(consumer=consumer))
    assert "revoked" in refused(scene, token)


def test_the_cookie_lasts_as_long_as_its_token(scene: Scene) -> None:
    """No script reads it; without a token it is over."""
    issuer = scene.authority.issuer("shop")
    flags = "Path=/; HttpOnly; SameSite=Lax"
    assert issuer.cookie("a.b.c") == f"token=a.b.c; Max-Age=900; {flags}"
    assert issuer.cookie("") == f"token=; Max-Age=0; {flags}"
    secure = open_jwt(scene.section, KeyRing([RING]), scene.revocations, no_fetch, secure=True).issuer("shop")
    assert secure.cookie("a.b.c").endswith(f"{flags}; Secure")


def test_no_two_tokens_are_the_same(scene: Scene) -> None:
    """Issued in the same moment for the same user, they have ids of their own."""
    assert len({scene.issue() for _ in range(100)}) == 100


def test_a_token_is_nothing_in_another_realm(scene: Scene) -> None:
    """Also after the token was remembered in its own."""
    token = scene.issue(realm="shop")
    assert scene.verify(token, "shop").name == "alice"
    assert refused(scene, token, "blog") == "JWT for another audience"


@pytest.mark.parametrize("taken", ["iss", "aud", "sub", "exp", "nbf", "iat", "jti", "scope", "scp"])
def test_the_servers_own_claims_cannot_be_replaced(scene: Scene, taken: str) -> None:
    """Claims are added to the server's own, never put in their place."""
    with pytest.raises(ValueError, match=taken):
        scene.issue(claims={taken: "x"})


def test_only_what_verifies_is_issued(scene: Scene) -> None:
    """Names that would be refused, numbers JSON has not, and too much text are refused when issued."""
    for user in ("", "a\nb", "\ud800"):
        with pytest.raises(ValueError, match="name"):
            scene.issue(user)
    for scope in ("", "a b", "a\tb"):
        with pytest.raises(ValueError, match="scope"):
            scene.issue(scopes=[scope])
    with pytest.raises(ValueError, match="JSON"):
        scene.issue(claims={"x": float("nan")})
    with pytest.raises(ValueError, match="8 KiB"):
        scene.issue(claims={"x": "x" * 9000})


@pytest.mark.parametrize("algorithm", PRIVATE)
def test_the_first_key_that_can_sign_does(algorithm: str) -> None:
    """Public keys are passed over, and each algorithm signs what its own key verifies."""
    section = {
        "keys": {
            "public": {"algorithm": "RS256", "public": public_pem(RSA)},
            "mine": {"algorithm": algorithm, "private": private_pem(PRIVATE[algorithm])},
            "other": {"algorithm": "HS256", "secret": SECRET},
        }
    }
    scene = Scene(section)
    token = scene.issue()
    assert opened(token.split(".")[0])["kid"] == "mine"
    assert scene.verify(token).name == "alice"
    jwt.decode(
        token,
        PRIVATE[algorithm].public_key(),
        [algorithm],
        {"verify_exp": False, "verify_iat": False, "verify_nbf": False},
        audience="shop",
    )


def test_without_keys_the_ring_signs_and_rotates() -> None:
    """A token signed with an older secret of the ring is good until that secret goes; the newest signs."""
    old = Scene({}, KeyRing([OLD_RING]))
    both, new = Scene({}, KeyRing([RING, OLD_RING])), Scene({}, KeyRing([RING]))
    token = old.issue()
    assert opened(token.split(".")[0])["kid"].startswith("ring-")
    assert both.verify(token).name == "alice"
    assert new.verify(both.issue()).name == "alice"
    assert refused(new, token) == "JWT signed with an unknown key"
    assert refused(old, both.issue()) == "JWT signed with an unknown key"


def test_the_id_of_a_ring_key_says_nothing_about_it() -> None:
    """Neither the secret nor the derived key begins with what every token shows."""
    ring = KeyRing([RING])
    shown = bytes.fromhex(opened(Scene({}, ring).issue().split(".")[0])["kid"].removeprefix("ring-"))
    assert shown not in ring.derive("jwt")
    assert shown not in RING


def test_clocks_may_differ_by_the_leeway(scene: Scene) -> None:
    """A token is good up to 30 s beyond its times, and not a second longer."""
    token = signed(header(), scene.claims())
    early = signed(header(), scene.claims(nbf=int(scene.clock.wall()) + 30))
    assert scene.verify(early).name == "alice"
    scene.clock.advance(629)
    assert scene.verify(token).name == "alice"
    scene.clock.advance(1)
    assert refused(scene, token) == "JWT expired"


def test_a_remembered_token_ends_in_time(scene: Scene) -> None:
    """What is remembered is verified again after its end, not only after a minute."""
    token = scene.issue()
    scene.clock.advance(890)
    assert scene.verify(token).name == "alice"
    scene.clock.advance(39)
    assert scene.verify(token).name == "alice"
    scene.clock.advance(1)
    assert refused(scene, token) == "JWT expired"


@pytest.mark.parametrize(
    ("claims", "scopes"),
    [
        ({"scope": "a b  c"}, {"a", "b", "c"}),
        ({"scope": ""}, set[str]()),
        ({}, set[str]()),
        ({"scp": ["a", "b"]}, {"a", "b"}),
        ({"scp": "a b"}, {"a", "b"}),
        ({"scope": "a", "scp": ["b"]}, {"a"}),
    ],
)
def test_scopes_are_words(scene: Scene, claims: dict[str, Any], scopes: set[str]) -> None:
    """Of `scope`, or else of `scp` as text or list."""
    assert scene.verify(signed(header(), scene.claims(**claims))).scopes == scopes


async def test_a_revoked_token_is_over_at_once(scene: Scene) -> None:
    """Also when it is remembered; others of the same user stay good."""
    token, other = scene.issue(), scene.issue()
    assert scene.verify(token).name == "alice"
    await scene.authority.issuer("shop").revoke(token)
    assert refused(scene, token) == "JWT revoked"
    assert scene.verify(other).name == "alice"


async def test_all_of_a_users_tokens_end_together(scene: Scene) -> None:
    """What was issued up to now is over, in this realm only; what is issued in the same second after it is good."""
    before, elsewhere = scene.issue(), scene.issue(realm="blog")
    scene.clock.advance(0.2)
    await scene.revocations.revoke_user("shop/alice")
    scene.clock.advance(0.2)
    assert refused(scene, before) == "JWT revoked"
    assert scene.verify(elsewhere, "blog").name == "alice"
    assert scene.verify(scene.issue()).name == "alice"


async def test_revoking_what_is_no_valid_token_does_nothing(scene: Scene) -> None:
    """Neither nonsense nor a token of another realm, which is not this issuer's to end."""
    token = scene.issue(realm="blog")
    for text in ("", "x.y.z", "\udcff", token):
        await scene.authority.issuer("shop").revoke(text)
    assert scene.verify(token, "blog").name == "alice"


async def test_a_refusal_for_want_of_knowledge_is_not_a_401(scene: Scene) -> None:
    """While nobody knows what is revoked and the configuration says refuse, a good token is `StoreUnavailable`."""

    class Unknown:
        def revoked(self, kind: str, id: str, user: str, issued: float) -> bool:  # noqa: A002 - the protocol's name
            raise StoreUnavailable("away")

        async def revoke(self, kind: str, id: str) -> None:  # noqa: A002 - the protocol's name
            """Never asked."""

        async def revoke_user(self, user: str) -> None:
            """Never asked."""

    authority = open_jwt(scene.section, KeyRing([RING]), Unknown(), no_fetch, scene.clock.wall)
    with pytest.raises(StoreUnavailable):
        authority.verifier.verify(scene.issue(), "shop")
    with pytest.raises(Unauthenticated):
        authority.verifier.verify(scene.issue(realm="blog"), "shop")


def test_as_many_tokens_are_remembered_as_is_allowed(scene: Scene) -> None:
    """A flood of new tokens takes no more memory than the bound, and keeps what is in use."""
    asked: list[str] = []

    class Counting(FixedKeys):
        def worth_a_fetch(self, kid: str) -> bool:
            """Count how often a token is verified anew."""
            asked.append(kid)
            return False

    key = scene.authority.issuer("shop")
    known = scene.authority.verifier._issuers["pi-server"].keys.get("main")  # pyright: ignore[reportPrivateUsage]
    assert known is not None
    issuers = [Issuer("pi-server", Counting({"main": known}))]
    verifier = JwtVerifier(issuers, scene.revocations, leeway=30, remember=60, clock=scene.clock.wall, most=100)
    used = key.issue("alice")
    verifier.verify(used, "shop")
    for number in range(500):
        verifier.verify(key.issue(f"u{number}"), "shop")
        verifier.verify(used, "shop")
    assert len(asked) == 501
    assert len(verifier._known) == 100  # pyright: ignore[reportPrivateUsage]
    scene.clock.advance(60)
    verifier.verify(used, "shop")
    assert len(asked) == 502


def test_no_access_stays_in_memory(scene: Scene) -> None:
    """What is remembered is a digest, and nothing of the token's text."""
    token = scene.issue()
    scene.verify(token)
    known = scene.authority.verifier._known  # pyright: ignore[reportPrivateUsage]
    assert [len(digest) for digest in known] == [32]
    assert all(piece not in repr(known) for piece in token.split("."))


def test_the_issuer_is_the_plugins_protocol(scene: Scene) -> None:
    """It fits `TokenIssuer`, and tells how long its tokens live."""
    issuer: TokenIssuer = Scene({"lifetime": "5m"}).authority.issuer("shop")
    assert issuer.lifetime == 300
    read = opened(issuer.issue("alice").split(".")[1])
    assert read["exp"] - read["iat"] == 300
