"""The main job: one REST call in, one REST call out, both legs on record."""

from pathlib import Path

from benchmarks.load import CONNECTIONS, drive
from benchmarks.rounds import interleaved
from benchmarks.servers import sample_call
from benchmarks.table import Table, race

AIOHTTP_TARGET, BARE_TARGET, FASTAPI_TARGET = 1.6, 1.8, 7.0


def measure(folder: Path, rounds: int, seconds: float) -> list[Table]:
    """The sample call beside its peers."""
    with sample_call(folder) as (provider, contenders):
        mine, bare, idiomatic, fastapi, gin = interleaved(contenders, rounds, seconds)
        stub = drive(provider.request, provider.pid, 1)  # shares its core with wrk, as in the rounds
    title = f"The sample REST call, {CONNECTIONS} connections"
    remark = f"The provider stub alone, on the core it shares with wrk: {stub.rate:,.0f} answers/s."
    return [
        race(title, mine, [(idiomatic, AIOHTTP_TARGET), (fastapi, FASTAPI_TARGET), (gin, None)], remark),
        race(f"{title}, without policies but the deadline", bare, [(idiomatic, BARE_TARGET)]),
    ]
