"""``python -m benchmarks [MEASUREMENT ...] [--rounds N] [--seconds S] [--write]``; without one, all of them."""

import argparse
import tempfile
from pathlib import Path

from benchmarks import body, carriers, chain, memory, page, ping, rest, routes, slow, start, untouched, workers
from benchmarks.table import Table

MEASUREMENTS = {
    "ping": ping.measure,
    "chain": chain.measure,
    "untouched": untouched.measure,
    "body": body.measure,
    "memory": memory.measure,
    "rest": rest.measure,
    "carriers": carriers.measure,
    "slow": slow.measure,
    "routes": routes.measure,
    "start": start.measure,
    "workers": workers.measure,
}


def main() -> None:
    """Measure, print, and write when asked to."""
    given = _arguments()
    tables: list[Table] = []
    with tempfile.TemporaryDirectory() as folder:
        for name in given.measurements or MEASUREMENTS:
            for table in MEASUREMENTS[name](Path(folder), given.rounds, given.seconds):
                print(table, end="\n\n", flush=True)
                tables.append(table)
    around = page.surroundings(given.rounds, given.seconds)
    print(around)
    if given.write:
        page.write([around, *map(str, tables)])


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Measure pi_server beside its peers.")
    parser.add_argument("measurements", nargs="*", metavar="|".join(MEASUREMENTS), help="default: all of them")
    parser.add_argument("--rounds", type=int, default=7, help="how often each server is measured (default: 7)")
    parser.add_argument("--seconds", type=float, default=3, help="how long each time (default: 3)")
    parser.add_argument("--write", action="store_true", help=f"put the figures into {page.PAGE.name} too")
    given = parser.parse_args()
    if unknown := set(given.measurements) - MEASUREMENTS.keys():
        parser.error(f"no such measurement: {', '.join(sorted(unknown))}; there is {', '.join(MEASUREMENTS)}")
    if given.write and given.measurements:
        parser.error("--write is for all measurements together: a page with figures of several days misleads")
    return given


if __name__ == "__main__":
    main()
