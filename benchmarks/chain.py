"""The whole chain in front of an operation that does next to nothing: access line, recovery, session cookie, JWT."""

from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

from benchmarks.doors import MANY, Door, ours, peers
from benchmarks.rounds import Contender, interleaved
from benchmarks.servers import bare_aiohttp
from benchmarks.table import Table, race


@dataclass(frozen=True, slots=True)
class Case:
    """What consumers show, what is asked for, and how many times the answers of a peer are aimed at."""

    title: str
    path: str
    fresh: bool
    bare: float | None = None
    fastapi: float | None = None


CASES = (
    Case("the same token and session, which nobody opens", "/pong", fresh=False, bare=0.75, fastapi=6),
    Case("the same token and session, which is opened", "/session", fresh=False),
    Case("every token new, a session nobody opens", "/pong", fresh=True, bare=0.25, fastapi=1.7),
    Case("every token new, the session opened", "/session", fresh=True, bare=0.18),
)


def measure(folder: Path, rounds: int, seconds: float) -> list[Table]:
    """Each case beside a bare handler, which gets the same request and looks at none of it, and beside the peers."""
    rates = {"address": MANY, "consumer": MANY, "operation": MANY}
    with ExitStack() as opened:
        mine = opened.enter_context(ours(folder))
        limited = opened.enter_context(ours(folder, "pi_server with rate limits", rates))
        bare = opened.enter_context(bare_aiohttp(folder))
        others = opened.enter_context(peers(folder))
        return [_table(case, [mine, limited, *others], bare, rounds, seconds) for case in CASES]


def _table(case: Case, doors: list[Door], bare: Contender, rounds: int, seconds: float) -> Table:
    contenders = [door.asked(case.path, fresh=case.fresh) for door in doors]
    late = doors[0].asked(case.path).request.late
    contenders.append(replace(bare, request=replace(bare.request, late=late)))
    mine, limited, aiohttp, fastapi, blacksheep, handler = interleaved(contenders, rounds, seconds)
    others = [(handler, case.bare), (aiohttp, None), (fastapi, case.fastapi), (blacksheep, None), (limited, None)]
    return race(f"The chain: {case.title}", mine, others)
