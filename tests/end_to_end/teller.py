"""A plugin that pays through a bank, the bank, and server processes that share their stores."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from aiohttp import web

from pi_server.auth.service_tokens import digest
from tests.cli.processes import Serving, serving
from tests.parts.redis import make_patient

TOKEN = "the token of the tests of the teller"
_FILES = {
    "pi_teller/__init__.py": "",
    "pi_teller/files/faults.yaml": """
faults:
  - when: {status: 404}
    then: {code: no_such_payment, status: 404, message: There is no such payment.}
""",
    "pi_teller/service.py": """
from pydantic import BaseModel
from pi_server import Call, Fault, RestMessage, RestProvider, Service, post


class Payment(BaseModel):
    name: str

class Receipt(BaseModel):
    number: int

class Pay(RestMessage[Receipt], path="/pay/{reference}", verb="POST"):
    reference: str
    name: str

class Ask(RestMessage[Receipt], path="/paid/{reference}"):
    reference: str


class Teller(Service):
    root = "/api/teller"
    bank: RestProvider

    @post("/pay", once=True, enquire="was_paid", timeout=1)
    async def pay(self, call: Call, payment: Payment) -> Receipt:
        return await self.bank.send(call, Pay(reference=call.reference, name=payment.name))

    async def was_paid(self, call: Call, payment: Payment) -> Receipt | None:
        try:
            return await self.bank.send(call, Ask(reference=call.reference))
        except Fault as fault:
            if fault.code == "no_such_payment":
                return None
            raise

    @post("/blind", once=True, timeout=1)
    async def blind(self, call: Call, payment: Payment) -> Receipt:
        return await self.bank.send(call, Pay(reference=call.reference, name=payment.name))
""",
    "pi_teller-0.1.0.dist-info/METADATA": "Metadata-Version: 2.1\nName: pi-teller\nVersion: 0.1.0\n",
    "pi_teller-0.1.0.dist-info/entry_points.txt": "[pi_server.services]\nteller = pi_teller.service:Teller\n",
}


@dataclass
class Bank:
    """What was paid, how often and under which number; ``hangs`` are names whose payments get no answer.

    A payment of one that is ``deaf`` gets no answer either, and is not made.
    """

    paid: Counter[str] = field(default_factory=Counter[str])
    numbers: dict[str, int] = field(default_factory=dict[str, int])
    came: set[str] = field(default_factory=set[str])
    hangs: set[str] = field(default_factory=set[str])
    deaf: set[str] = field(default_factory=set[str])
    url: str = ""

    async def pay(self, request: web.Request) -> web.Response:
        """Pay, and pay again if asked again: a bank does not know what was meant."""
        name = str((await request.json())["name"])
        self.came.add(name)
        if name not in self.deaf:
            self.paid[name] += 1
            self.numbers[request.match_info["reference"]] = len(self.numbers) + 1
        if name in self.hangs | self.deaf:
            await asyncio.sleep(30)
        return web.json_response({"number": self.numbers[request.match_info["reference"]]})

    async def tell(self, request: web.Request) -> web.Response:
        """Tell of a payment by its reference."""
        number = self.numbers.get(request.match_info["reference"])
        return web.json_response({"number": number}, status=200 if number else 404)


@asynccontextmanager
async def open_bank() -> AsyncGenerator[Bank]:
    """A bank on a free port."""
    bank = Bank()
    application = web.Application()
    application.add_routes([web.post("/pay/{reference}", bank.pay), web.get("/paid/{reference}", bank.tell)])
    runner = web.AppRunner(application, shutdown_timeout=0.1)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        bank.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        yield bank
    finally:
        await runner.cleanup()


@contextmanager
def serving_teller(folder: Path, bank: Bank, keys: str) -> Generator[Serving]:
    """A server process; all in one ``folder.parent`` share their data."""
    for name, text in _FILES.items():
        path = folder / "site" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    make_patient(folder / "site")
    config = {
        "server": {"data_dir": str(folder.parent / "data"), "drain": "1s"},
        "stores": {"keys": keys},
        "idempotency": {"wait": "3s"},
        "tokens": {"test": {"sha256": digest(TOKEN)}},
        "services": {"teller": {"enabled": True, "bank": {"endpoint": bank.url}}},
    }
    (folder / "config.yaml").write_text(json.dumps(config))
    with serving(cwd=folder, PYTHONPATH=str(folder / "site")) as server:
        yield server
