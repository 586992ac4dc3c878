"""A stand-in for the market, for ``pi-server run --sandbox``: rates that never change."""

from decimal import Decimal

from pi_exchange_rates.service import Latest, Table

_IN_EURO = {"EUR": Decimal(1), "USD": Decimal("0.8"), "GBP": Decimal("1.25"), "JPY": Decimal("0.00625")}


def latest(message: Latest) -> Table:
    """Work out the table from each currency's worth in euro; one that is not known has an empty table."""
    base = _IN_EURO.get(message.base)
    wanted = message.symbols or [name for name in _IN_EURO if name != message.base]
    rates = {name: base / _IN_EURO[name] for name in wanted if name in _IN_EURO} if base else {}
    return Table(base=message.base, rates=rates)


STAND_INS = {"market": {Latest: latest}}
"""What answers each message, by the field of the service."""
