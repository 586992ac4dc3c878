"""No token but a good one is taken: every other is `Unauthenticated`, and nothing else happens."""

import hashlib
import hmac
import random
from collections.abc import Callable
from functools import partial
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given, settings
from hypothesis import strategies as st

from pi_server.domain.faults import Unauthenticated
from tests.auth.tokens import EC, KEYS, RSA, SECRET, Scene, header, part, public_pem, signed
from tests.parts.effort import seconds

SCENE = Scene()
NOW = SCENE.clock.wall()
claims = SCENE.claims


def as_hmac(text: str, key: bytes) -> str:
    """The text signed with HMAC by hand, for PyJWT refuses to take part in the confusion."""
    return f"{text}.{part(hmac.new(key, text.encode(), hashlib.sha256).digest())}"


def confused(kid: str, pem: str) -> str:
    """A token signed with a published key as if it were a secret."""
    return as_hmac(f"{part(header(kid=kid))}.{part(claims())}", pem.encode())


GOOD = signed(header(), claims())
DEEP = b'{"alg":"HS256","kid":"main","typ":"JWT","x":' + b"[" * 2000 + b"]" * 2000 + b"}"

MALFORMED = {
    "empty": "",
    "dots only": "..",
    "one dot": ".",
    "many dots": "." * 8000,
    "four parts": f"{GOOD}.x",
    "five parts, as if encrypted": f"{GOOD}.x.y",
    "no signature": GOOD.rsplit(".", 1)[0] + ".",
    "no signature at all": GOOD.rsplit(".", 1)[0],
    "no claims": "{}..{}".format(*GOOD.split(".")[::2]),
    "no header": "." + GOOD.split(".", 1)[1],
    "padded": f"{GOOD}=",
    "spaces around": f" {GOOD} ",
    "line end": f"{GOOD}\n",
    "NUL": f"{GOOD}\0",
    "bearer twice": f"Bearer {GOOD}",
    "huge": GOOD + "A" * 9000,
    "a megabyte": "A" * 2**20,
    "not ASCII": GOOD[:-1] + "\u00fc",
    "digits that are not ASCII": GOOD[:-1] + "\u0661",
    "surrogate": GOOD[:-1] + "\udcff",
    "surrogates only": "\udcff.\udcfe.\udcfd",
    "emoji": "\U0001f511.\U0001f511.\U0001f511",
    "standard base64": f"+/+/.{GOOD.split('.', 1)[1]}",
    "a length base64 does not have": f"A.{GOOD.split('.', 1)[1]}",
}
HEADERS: dict[str, Any] = {
    "none": header(alg="none"),
    "nOnE": header(alg="nOnE"),
    "empty algorithm": header(alg=""),
    "no algorithm": header(alg=None),
    "a list of algorithms": header(alg=["HS256"]),
    "HS512": header(alg="HS512"),
    "lower case": header(alg="hs256"),
    "another key's algorithm": header(alg="RS256"),
    "no key id": header(kid=None),
    "empty key id": header(kid=""),
    "key id as a path": header(kid="../../../../dev/null"),
    "key id as SQL": header(kid="x' UNION SELECT 'key"),
    "key id as a list": header(kid=["main"]),
    "key id as a number": header(kid=1),
    "unknown key id": header(kid="other"),
    "jwk": header(jwk={"kty": "oct", "k": part(SECRET.encode())}),
    "jku": header(jku="https://evil.example/keys"),
    "x5u": header(x5u="https://evil.example/cert"),
    "x5c": header(x5c=["MIIB"]),
    "crit": header(crit=["exp"]),
    "empty crit": header(crit=[]),
    "b64": header(b64=False, crit=["b64"]),
    "b64 true": header(b64=True),
    "zip": header(zip="DEF"),
    "no type": header(typ=None),
    "id token": header(typ="id+jwt"),
    "logout token": header(typ="logout+jwt"),
    "refresh token": header(typ="refresh"),
    "type as a list": header(typ=["JWT"]),
    "deep": DEEP,
    "a list": [1],
    "text": "text",
    "null": None,
    "not JSON": b"{",
    "empty": b"{}",
    "not UTF-8": b'{"alg":"HS256","kid":"main","typ":"JWT","x":"\xff"}',
    "UTF-16": '{"alg":"HS256","kid":"main","typ":"JWT"}'.encode("utf-16"),
    "algorithm twice": b'{"alg":"none","kid":"main","typ":"JWT","alg":"HS256"}',
    "key id twice": b'{"alg":"HS256","kid":"x","typ":"JWT","kid":"main"}',
}
CLAIMS: dict[str, Any] = {
    **{f"no {name}": claims(**{name: None}) for name in claims()},
    **{f"{name} empty": claims(**{name: ""}) for name in claims()},
    **{f"{name} true": claims(**{name: True}) for name in claims()},
    **{f"{name} a list in a list": claims(**{name: [["shop"]]}) for name in claims()},
    **{f"{name} an object": claims(**{name: {}}) for name in claims()},
    **{f"{name} as text": claims(**{name: str(int(NOW) + 600)}) for name in ("iat", "nbf", "exp")},
    **{f"{name} negative": claims(**{name: -1}) for name in ("iat", "nbf", "exp")},
    **{f"{name} beyond all times": claims(**{name: 10**300}) for name in ("iat", "nbf", "exp")},
    **{f"{name} a number": claims(**{name: 42}) for name in ("iss", "aud", "sub", "jti")},
    "exp NaN": b'{"exp":NaN}',
    "exp infinite": str.encode(str(claims()).replace("'", '"').replace(str(int(NOW) + 600), "1e999")),
    "exp of many digits": b'{"exp":' + b"9" * 5000 + b"}",
    "expired": claims(iat=NOW - 700, nbf=NOW - 700, exp=NOW - 30),
    "expired long ago": claims(iat=1, nbf=1, exp=2),
    "not begun": claims(nbf=NOW + 31),
    "issued in the future": claims(iat=NOW + 31, nbf=NOW),
    "good for more than 15 minutes": claims(exp=NOW + 901),
    "good for years": claims(exp=NOW + 10**9),
    "ends before it is issued": claims(iat=NOW + 10, exp=NOW + 5),
    "another audience": claims(aud="blog"),
    "other audiences": claims(aud=["blog", "mail"]),
    "no audience in a list": claims(aud=[]),
    "an audience beside nonsense": claims(aud=["shop", 1]),
    "an audience that only begins so": claims(aud="shopping"),
    "another issuer": claims(iss="evil"),
    "issuers": claims(iss=["pi-server"]),
    "issuer with a space": claims(iss="pi-server "),
    "a user with a line end": claims(sub="alice\nroot"),
    "a user with NUL": claims(sub="alice\0"),
    "half a surrogate pair": b'{"sub":"\\ud800"}',
    "scope as a number": claims(scope=1),
    "scope as null and scp": {**claims(), "scope": None, "scp": "a"},
    "scp with numbers": claims(scp=["a", 1]),
    "exp twice": b'{"exp":1,' + str(claims()).replace("'", '"').encode()[1:],
    "not JSON": b"exp=1",
    "a list": [],
    "deep": b"[" * 3000,
}
FORGED: dict[str, Callable[[], str]] = {
    "HS256 with the public PEM of RS256": lambda: confused("rs", public_pem(RSA)),
    "HS256 with it, without its last line end": lambda: confused("rs", public_pem(RSA).strip()),
    "HS256 with the public PEM of ES256": lambda: confused("es", public_pem(EC)),
    "HS256 with it, claiming RS256": lambda: as_hmac(
        f"{part(header(kid='rs', alg='RS256'))}.{part(claims())}", public_pem(RSA).encode()
    ),
    "an empty secret": lambda: as_hmac(f"{part(header())}.{part(claims())}", b""),
    "another secret": lambda: signed(header(), claims(), "y" * 32),
    "another key of the same kind": lambda: signed(
        header(kid="es", alg="ES256"), claims(), ec.generate_private_key(ec.SECP256R1()), "ES256"
    ),
    "ES256 with r and s 0": lambda: f"{part(header(kid='es', alg='ES256'))}.{part(claims())}.{part(bytes(64))}",
    "ES256 with a DER signature": lambda: (
        f"{part(header(kid='es', alg='ES256'))}.{part(claims())}."
        + part(EC.sign(f"{part(header(kid='es', alg='ES256'))}.{part(claims())}".encode(), ec.ECDSA(_sha256())))
    ),
    "EdDSA with zeros": lambda: f"{part(header(kid='ed', alg='EdDSA'))}.{part(claims())}.{part(bytes(64))}",
    "RS256 with zeros": lambda: f"{part(header(kid='rs', alg='RS256'))}.{part(claims())}.{part(bytes(256))}",
    "a signature cut short": lambda: f"{GOOD.rsplit('.', 1)[0]}.{GOOD.rsplit('.', 1)[1][:8]}",
    "the claims of another token": lambda: ".".join((GOOD.split(".")[0], part(claims(sub="root")), GOOD.split(".")[2])),
    "none, as PyJWT writes it": lambda: jwt.encode(claims(), "", "none", headers={"kid": "main"}),
}


def _sha256() -> Any:
    from cryptography.hazmat.primitives.hashes import SHA256

    return SHA256()


def refused(token: str) -> str:
    """The reason of the refusal."""
    with pytest.raises(Unauthenticated) as error:
        SCENE.verify(token)
    assert error.value.reason.startswith("JWT ")
    for piece in token.split("."):
        assert len(piece) < 8 or piece not in error.value.reason
    return error.value.reason


def test_the_tokens_below_would_be_good() -> None:
    """What the hostile tokens differ from is accepted, so that each is refused for its own fault."""
    assert SCENE.verify(GOOD).name == "alice"
    assert SCENE.verify(signed(header(typ="at+jwt"), claims(aud=["blog", "shop"]))).name == "alice"
    assert SCENE.verify(signed(header(kid="rs", alg="RS256"), claims(), RSA, "RS256")).name == "alice"
    assert SCENE.verify(signed(header(kid="es", alg="ES256"), claims(), EC, "ES256")).name == "alice"


@pytest.mark.parametrize("name", MALFORMED)
def test_what_is_no_access_is_refused(name: str) -> None:
    """Bytes of any kind that are not three parts in base64url."""
    refused(MALFORMED[name])


@pytest.mark.parametrize("name", HEADERS)
def test_headers_are_not_believed(name: str) -> None:
    """A header chooses no algorithm, brings no key and switches nothing on, even rightly signed."""
    refused(signed(HEADERS[name], claims()))


@pytest.mark.parametrize("name", CLAIMS)
def test_claims_are_complete_and_of_their_types(name: str) -> None:
    """Rightly signed tokens lack no claim, and hold none of another type or out of its time."""
    refused(signed(header(), CLAIMS[name]))


@pytest.mark.parametrize("name", FORGED)
def test_forged_tokens_are_refused(name: str) -> None:
    """Nothing but the key of that id, with its own algorithm, proves a token."""
    refused(FORGED[name]())


def test_reasons_tell_the_operator_what_is_wrong() -> None:
    """The commonest refusals can be told apart in the log."""
    assert refused(signed(header(), CLAIMS["expired"])) == "JWT expired"
    assert refused(signed(header(), claims(aud="blog"))) == "JWT for another audience"
    assert refused(signed(header(), claims(), "y" * 32)) == "JWT with a wrong signature"
    assert refused(signed(header(kid="other"), claims())) == "JWT signed with an unknown key"
    assert refused(signed(header(), claims(exp=None))) == "JWT without a valid exp"


def test_no_bit_of_a_token_can_change() -> None:
    """Two thousand tokens with one bit changed are all refused, also in bits that base64 does not use."""
    chance = random.Random(11)
    tokens = [GOOD, signed(header(kid="es", alg="ES256"), claims(), EC, "ES256")]
    for _ in range(2000):
        token = chance.choice(tokens)
        at = chance.randrange(len(token))
        refused(token[:at] + chr(ord(token[at]) ^ (1 << chance.randrange(7))) + token[at + 1 :])


@settings(max_examples=300)
@given(st.text(max_size=200) | st.lists(st.text("ABCDabcd0123-_.=", max_size=50), max_size=5).map(".".join))
def test_any_text_is_refused(text: str) -> None:
    """Whatever the text, it is refused in one way."""
    refused(text)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=5,
)


@settings(max_examples=300)
@given(st.dictionaries(st.sampled_from([*claims(), "scope", "scp"]), JSON, max_size=3))
def test_what_is_accepted_pyjwt_accepts_too(changes: dict[str, Any]) -> None:
    """Rightly signed claims of any value: accepted only if PyJWT, asked strictly, accepts them as well."""
    token = signed(header(), {**claims(), **changes})
    try:
        consumer = SCENE.verify(token)
    except Unauthenticated:
        return
    required = {"require": list(claims()), "verify_exp": False, "verify_nbf": False, "verify_iat": False}
    read: dict[str, Any] = jwt.decode(token, SECRET, ["HS256"], required, audience="shop", issuer="pi-server")  # type: ignore[arg-type]
    assert consumer.name == read["sub"]


def test_eight_kilobytes_are_refused_in_no_time() -> None:
    """The longest token that is looked at costs less than five milliseconds, whatever is in it."""
    for text in ("A" * 2700 + "." + "A" * 2700 + "." + "A" * 2700, part(DEEP)[:4000] + "." + "e" * 4000 + ".A"):
        assert min(seconds(partial(refused, text)) for _ in range(10)) < 0.005  # it is 50 us


def test_the_corpus_is_about_this_configuration() -> None:
    """Each algorithm has a key here, so no token is refused only for want of one."""
    assert {key["algorithm"] for key in KEYS.values()} == {"HS256", "RS256", "ES256", "EdDSA"}
