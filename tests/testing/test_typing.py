"""What type checkers make of a plugin and its test."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]

HEAD = """
from decimal import Decimal
from pi_server import Call, Fault
from pi_server.testing import FakeProvider, Serve
from tests.testing.sample import *
"""

GOOD = f'''{HEAD}
async def test_it(serve: Serve) -> None:
    """The design's example."""
    bank = FakeProvider({{Withdraw: WithdrawResult(TraceNo="T1", Balance=Decimal("5"))}})
    service = AccountWithdrawal(bank=bank)
    receipt = await service.withdraw(Call(), Withdrawal(account="42", amount=Decimal("10")))
    assert receipt == Receipt(trace="T1", balance=Decimal("5"))
    assert bank.asked == [Withdraw(AccountNo="42", Amount=Decimal("10"))]
    result: WithdrawResult = await bank.send(Call(), Withdraw(AccountNo="1", Amount=Decimal(1)))
    FXRates2(market=FakeProvider({{Latest: Fault("x"), Withdraw: lambda message: result}}))
    async with serve(service, FXRates2, config={{"docs": "off"}}) as server, server.session.get("/ping") as response:
        assert response.status == 200
'''

BAD = f'''{HEAD}
async def wrong(service: AccountWithdrawal, rates: FXRates2) -> None:
    """Three mistakes, one a line."""
    await service.bank.send(Call(), Latest(base="EUR"))
    await rates.market.send(Latest(base="EUR"))
    Withdraw(AccountNo="42", Ammount=Decimal(1))
'''


def test_mypy_takes_the_example_and_finds_mistakes(tmp_path: Path, checked_types: str) -> None:
    """Strict mypy needs no cast in a test, and finds a wrong message, a forgotten call and a misspelt field."""
    (tmp_path / "good.py").write_text(GOOD)
    (tmp_path / "bad.py").write_text(BAD)
    settings = ["--config-file", str(ROOT / "pyproject.toml"), "--cache-dir", checked_types]
    found = _run("mypy", *settings, str(tmp_path / "good.py"), str(tmp_path / "bad.py"))
    lines = [line for line in found.splitlines() if ": error:" in line]
    assert not [line for line in lines if "bad.py" not in line], found
    mistakes = {line.split(":")[1] for line in lines}
    assert len(mistakes) == 3, found


def test_pyright_takes_the_example(tmp_path: Path) -> None:
    """Strict pyright needs no cast in a test either."""
    (tmp_path / "good.py").write_text(
        GOOD.replace(
            "import *", "import (AccountWithdrawal, FXRates2, Latest, Receipt, Withdraw, Withdrawal, WithdrawResult)"
        )
    )
    (tmp_path / "pyrightconfig.json").write_text(
        f'{{"typeCheckingMode": "strict", "pythonVersion": "3.11", "extraPaths": ["{ROOT}"]}}'
    )
    assert "0 errors" in _run("pyright", "--pythonpath", sys.executable, "--project", str(tmp_path))


def _run(program: str, *arguments: str) -> str:
    command = [str(Path(sys.executable).with_name(program)), *arguments]
    environment = {**os.environ, "MYPYPATH": str(ROOT)}
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False).stdout
