"""``docs/security.md``: every requirement has its line, every proof exists, and what had no test has one here."""

import os
import re
from pathlib import Path

import pytest

from pi_server import Call, Service, get
from pi_server.auth.service_tokens import digest
from pi_server.security import TokenIssuer
from pi_server.testing import Serve
from tests.cli.processes import pi
from tests.docs.pages import DOCS, PROOF, proofs_in, prose

PAGE = DOCS / "security.md"
REQUIRED = {
    *(f"L-{n:02}" for n in (*range(1, 15), *range(20, 25))),
    *(f"S-{n:02}" for n in (*range(1, 14), *range(20, 35), *range(40, 49), *range(50, 69), 74, 87)),
}
_ROW = re.compile(r"^\| ([LS]-\d\d) \| (.+?) \| (\w[\w ]*) \| (.+) \|$", re.MULTILINE)
ROWS = _ROW.findall(prose(PAGE))


def test_every_requirement_has_a_line() -> None:
    """None is left out, and each is met, not applicable, or open."""
    assert {row[0] for row in ROWS} == REQUIRED
    assert {row[2] for row in ROWS} == {"met", "not applicable", "open"}


@pytest.mark.parametrize("row", ROWS, ids=[f"{row[0]} {row[1][:40]}" for row in ROWS])
def test_what_is_met_is_proved(row: tuple[str, str, str, str]) -> None:
    """By tests that exist; what is not met says why."""
    _, _, state, told = row
    named = PROOF.findall(told)
    assert named or state != "met"
    assert state == "met" or len(PROOF.sub("", told).split()) > 2
    assert all(name in proofs_in(file) for file, name in named), told
    assert told.count("::") == len(named)


# --- proofs that stand nowhere else -----------------------------------------------------------------------------------

KNOWN = "monapi-builtin-token"
SAMPLE = "abcdefghijklmnopqrstuvwxyz" * 2
WEAK: list[tuple[str, dict[str, str], str, str]] = [
    (f"tokens: {{shop: {{sha256: {digest(KNOWN)}}}}}", {}, "tokens.shop", digest(KNOWN)),
    ("", {"PI_KEYRING": f"[{SAMPLE}]"}, "keyring.0", SAMPLE),
    ("", {"PI_KEYRING": "[short-but-quite-random-x7]"}, "keyring.0", "short-but"),
    (f"jwt: {{keys: {{main: {{algorithm: HS256, secret: {SAMPLE}}}}}}}", {}, "jwt.keys.main.secret", SAMPLE),
    ("jwt: {keys: {main: {algorithm: HS256, secret: x7Kd9}}}", {}, "jwt.keys.main.secret", "x7Kd9"),
]


@pytest.mark.parametrize("verb", ["check", "run"])
@pytest.mark.parametrize(
    ("config", "variables", "named", "value"), WEAK, ids=["token", "ring", "short", "jwt", "short jwt"]
)
def test_a_start_with_a_known_secret_is_refused(
    tmp_path: Path, verb: str, config: str, variables: dict[str, str], named: str, value: str
) -> None:
    """Also by ``check``: the key is named, its value never."""
    (tmp_path / "config.yaml").write_text(config)
    done = pi(verb, cwd=tmp_path, **variables)
    assert (done.returncode, named in done.stderr) == (78, True), done.stderr
    assert value not in done.stdout + done.stderr


class Till(Service):
    """Two operations, and one that makes a token."""

    root = "/till"
    issuer: TokenIssuer

    @get("/pay", scope="pay")
    async def pay(self, call: Call) -> str:
        """Pay."""
        return call.consumer.name

    @get("/look", scope="look")
    async def look(self, call: Call) -> str:
        """Look."""
        return call.consumer.name

    @get("/enter", public=True)
    async def enter(self, call: Call) -> str:
        """Give a token that may look, and not pay."""
        return self.issuer.issue("ann", scopes=["look"])


class Shelf(Service):
    """Another service."""

    root = "/shelf"

    @get("/look", scope="look")
    async def look(self, call: Call) -> str:
        """Look."""
        return call.consumer.name


REACHES = [(["till"], [200, 200, 403]), (["till.look"], [403, 200, 403]), (["shelf", "till.pay"], [200, 403, 200])]


@pytest.mark.parametrize(("reach", "statuses"), REACHES, ids=["service", "operation", "both"])
async def test_a_token_is_good_within_its_reach_only(serve: Serve, reach: list[str], statuses: list[int]) -> None:
    """Whatever its scopes are, other services and operations are forbidden."""
    token = os.urandom(16).hex()
    config = {"tokens": {"shop": {"sha256": digest(token), "scopes": ["*"], "reach": reach}}}
    async with serve(Till, Shelf, config=config) as server:
        found: list[int] = []
        for path in ("/till/pay", "/till/look", "/shelf/look"):
            async with server.session.get(path, headers={"x-srv-token": token}) as answer:
                found.append(answer.status)
    assert found == statuses


async def test_a_scope_that_is_missing_is_named(serve: Serve) -> None:
    """403 with error="insufficient_scope" and the scope, to whoever showed a good JWT."""
    config = {"chains": {"people": ["jwt"]}, "services": {"till": {"chain": "people"}}}
    async with serve(Till, config=config) as server:
        async with server.session.get("/till/enter") as answer:
            headers = {"Authorization": f"Bearer {(await answer.json())['data']}"}
        async with server.session.get("/till/look", headers=headers) as answer:
            assert (answer.status, (await answer.json())["data"]) == (200, "ann")
        async with server.session.get("/till/pay", headers=headers) as answer:
            told = answer.headers["WWW-Authenticate"]
            assert (answer.status, told) == (403, 'Bearer realm="till", error="insufficient_scope", scope="pay"')
