"""The page that keeps the figures, and what they were measured on."""

import os
import platform
from collections.abc import Iterable
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

PAGE = Path(__file__).parent.parent / "docs" / "performance.md"
BEGIN, END = "<!-- figures: written by `python -m benchmarks --write` -->", "<!-- end of figures -->"
_NAMED = (
    "aiohttp",
    "uvloop",
    "pydantic",
    "httptools",
    "PyJWT",
    "cryptography",
    "zeep",
    "aiohttp-session",
    "blacksheep",
    "fastapi",
    "httpx",
    "pyreqwest",
    "uvicorn",
)


def surroundings(rounds: int, seconds: float) -> str:
    """When, on what, with which versions."""
    python = f"{platform.python_implementation()} {platform.python_version()}"
    versions = ", ".join(f"{name} {version(name)}" for name in _NAMED)
    return (
        f"Measured {datetime.now(UTC):%Y-%m-%d} in {rounds} rounds of {seconds:g} s on {os.cpu_count()} cores of "
        f"{_processor()}, {platform.system()} {platform.release()}, load {os.getloadavg()[2]:.1f} (15 minutes), "
        f"{python}; {versions}."
    )


def _processor() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine())


def write(parts: Iterable[str]) -> None:
    """Replace what stands between the marks; ValueError when the page has lost them."""
    text = PAGE.read_text()
    if text.count(BEGIN) != 1 or text.count(END) != 1:
        raise ValueError(f"{PAGE} must have each of its two marks once")
    before, after = text.partition(BEGIN)[0], text.partition(END)[2]
    PAGE.write_text("\n\n".join([before + BEGIN, *parts, END]) + after)
