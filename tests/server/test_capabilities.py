"""What guards people's data reaches the fields of services, each service's own."""

import json
import stat
from typing import Annotated

from pi_server import Call, Service, get, post
from pi_server.security import Allowance, Attempts, Audit, Sealer
from pi_server.testing import Serve


class Safe(Service):
    """Seals, counts and records."""

    root = "/safe"
    sealer: Sealer
    other: Sealer
    tries: Annotated[Attempts, Allowance(2)]
    more_tries: Attempts
    audit: Audit

    @post("/seal", public=True)
    async def seal(self, call: Call, text: str) -> str:
        """Seal a text."""
        return self.sealer.seal(text.encode())

    @post("/open", public=True)
    async def unseal(self, call: Call, sealed: str) -> list[str]:
        """What each sealer finds in a text."""
        found = [sealer.unseal(sealed) for sealer in (self.sealer, self.other)]
        return [opened.plain.decode() if opened else "" for opened in found]

    @post("/try", public=True)
    async def attempt(self, call: Call, key: str) -> list[bool]:
        """Fail by each allowance."""
        granted: list[bool] = []
        for tries in (self.tries, self.more_tries):
            granted.append(await tries.begin(key))
            await tries.failed(key)
        return granted

    @get("/look", scope="look")
    async def look(self, call: Call) -> None:
        """Look at somebody's record."""
        self.audit.record(call, "read", whose="bob", records=["r1"], fields=["note"])


class Locker(Safe):
    """Another service of the same kind."""

    root = "/locker"


async def test_what_one_field_sealed_no_other_opens(serve: Serve) -> None:
    """Neither another field of the service nor the same field of another service."""
    async with serve(Safe, Locker) as server:

        async def ask(path: str, **given: str) -> object:
            async with server.session.post(path, json=given) as answer:
                return (await answer.json())["data"]

        sealed = str(await ask("/safe/seal", text="a secret"))
        assert "secret" not in sealed
        assert await ask("/safe/open", sealed=sealed) == ["a secret", ""]
        assert await ask("/locker/open", sealed=sealed) == ["", ""]


async def test_attempts_are_counted_by_service_and_field(serve: Serve) -> None:
    """Each has the allowance its field declares, five where it declares none."""
    async with serve(Safe, Locker) as server:

        async def ask(path: str) -> list[bool]:
            async with server.session.post(path, json={"key": "ann"}) as answer:
                granted: list[bool] = (await answer.json())["data"]
                return granted

        assert [await ask("/safe/try") for _ in range(6)] == [[True, True]] * 2 + [[False, True]] * 3 + [[False, False]]
        assert await ask("/locker/try") == [True, True]


async def test_access_is_on_record_before_its_answer(serve: Serve) -> None:
    """In a file for owner and group, made when a service asks for it, with the operation that was called."""
    async with serve(Safe) as server:
        async with server.session.get("/safe/look", headers=server.headers) as answer:
            assert answer.status == 204
        file = server.logs / "audit.log"
        line = json.loads(file.read_text())
        assert stat.S_IMODE(file.stat().st_mode) == 0o640
    told = {name: line[name] for name in ("sourceIP", "who", "kind", "operation", "action", "whose", "records")}
    assert told == {
        "sourceIP": "127.0.0.1",
        "who": "test",
        "kind": "token",
        "operation": "safe.look",
        "action": "read",
        "whose": "bob",
        "records": ["r1"],
    }
