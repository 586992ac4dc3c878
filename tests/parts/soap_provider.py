"""A bank that speaks SOAP 1.1 at ``/soap11/`` and 1.2 at ``/soap12/``, built on spyne.

Run as a script: ``python soap_provider.py --port N``.  Account 1001 holds 100.00; an account that starts with ``E``
never ends, and its trace numbers and balances repeat what was asked, so that a crossed answer shows.
"""
# mypy: ignore-errors
# pyright: basic, reportMissingImports=false, reportAttributeAccessIssue=false, reportCallIssue=false, reportOptionalMemberAccess=false, reportGeneralTypeIssues=false
# ruff: noqa: N802, N803 - operations and parameters are spelled as in the WSDL

import argparse
import importlib.util
import logging
import socketserver
import sys
import threading
from decimal import Decimal
from pathlib import Path
from uuid import uuid4
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server


def make_spyne_importable() -> None:
    """Teach spyne's own copy of six the import protocol that Python 3.12 insists on."""
    if sys.version_info < (3, 12):
        return
    name = "spyne.util.six"
    path = Path(importlib.util.find_spec("spyne").origin).with_name("util") / "six.py"
    spec = importlib.util.spec_from_file_location(name, path)
    six = sys.modules[name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(six)
    importer = next(type(found) for found in sys.meta_path if type(found).__module__ == name)

    def find_spec(self, wanted, path=None, target=None):  # noqa: ANN001, ANN202 - the import protocol's
        return importlib.util.spec_from_loader(wanted, self) if wanted in self.known_modules else None

    importer.find_spec = find_spec
    importer.create_module = lambda self, spec: self.load_module(spec.name)
    importer.exec_module = lambda self, module: None


make_spyne_importable()

from spyne import Application, Fault, ServiceBase, Unicode, rpc  # noqa: E402 - after the preparation above
from spyne import Decimal as Money  # noqa: E402
from spyne.protocol.soap import Soap11, Soap12  # noqa: E402
from spyne.util.wsgi_wrapper import WsgiMounter  # noqa: E402

NAMESPACE = "urn:example:bank"
REQUIRED = {"min_occurs": 1, "nillable": False}


class Insufficient(Fault):
    """The declared fault: the account holds only ``held``."""

    __namespace__, __type_name__ = NAMESPACE, "INSUFFICIENT"

    def __init__(self, held: Decimal) -> None:
        detail = {f"{{{NAMESPACE}}}INSUFFICIENT": {f"{{{NAMESPACE}}}Balance": str(held)}}
        super().__init__("Client.INSUFFICIENT", "the account does not hold this amount", detail=detail)


class Ledger:
    """What accounts hold, for many threads."""

    def __init__(self) -> None:
        self._held = {"1001": Decimal("100.00")}
        self._lock = threading.Lock()

    def take(self, account: str, amount: Decimal) -> tuple[str, Decimal]:
        """A trace number and the new balance."""
        if account.startswith("E"):
            return account, amount
        with self._lock:
            held = self._held.get(account, Decimal("0.00"))
            if held < amount:
                raise Insufficient(held)
            self._held[account] = held - amount
            return uuid4().hex, self._held[account]


LEDGER = Ledger()


class Bank(ServiceBase):
    """The operations."""

    @rpc(
        Unicode(**REQUIRED),
        Money(**REQUIRED),
        _returns=(Unicode(**REQUIRED), Money(**REQUIRED)),
        _out_variable_names=("TraceNo", "Balance"),
        _throws=[Insufficient],
    )
    def accountWithdrawal(ctx, AccountNo, Amount):  # noqa: ANN001, ANN201, N805 - spyne's form of a method
        """Take ``Amount`` from ``AccountNo``."""
        return LEDGER.take(AccountNo, Amount)


class Threaded(socketserver.ThreadingMixIn, WSGIServer):
    """A server that serves many calls at a time."""

    daemon_threads = True
    request_queue_size = 256


class Silent(WSGIRequestHandler):
    """No line per request."""

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def application() -> WsgiMounter:
    """Both versions, each below its own path; only 1.1 can validate with the schema itself."""
    forms = {"soap11": (Soap11, "lxml"), "soap12": (Soap12, "soft")}
    return WsgiMounter(
        {
            path: Application([Bank], NAMESPACE, name="Bank", in_protocol=form(validator=how), out_protocol=form())
            for path, (form, how) in forms.items()
        }
    )


if __name__ == "__main__":
    logging.disable(logging.CRITICAL)  # spyne prints a traceback for each declared fault
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--port", type=int, required=True)
    make_server("127.0.0.1", arguments.parse_args().port, application(), Threaded, Silent).serve_forever()
