"""Plugins made up for one test: a package and its metadata in a folder, as an installation would leave them."""

from __future__ import annotations

from pathlib import Path

HEALTHY = """
import asyncio
from pathlib import Path
from pydantic import BaseModel
from pi_server import Call, Service, get

class Answer(BaseModel):
    text: str

class Made(Service):
    root = "/made"
    patience: float = 0.0

    @get("/up", public=True)
    async def up(self, call: Call) -> Answer:
        "Answer after a while, and leave a mark when asked."
        Path("asked.txt").write_text("asked")
        await asyncio.sleep(self.patience)
        return Answer(text="up")
"""


def install(
    folder: Path,
    name: str,
    code: str = HEALTHY,
    *,
    value: str = "",
    distribution: str = "",
    requires: str = "",
) -> None:
    """Put a plugin for the service ``name`` into ``folder``, which is to stand on ``PYTHONPATH``."""
    distribution = distribution or f"pi-{name.replace('_', '-')}"
    package = distribution.replace("-", "_")
    (folder / package).mkdir(parents=True)
    (folder / package / "__init__.py").write_text(code)
    info = folder / f"{package}-1.2.dist-info"
    info.mkdir()
    needs = f"Requires-Dist: {requires}\n" if requires else ""
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: 1.2\n{needs}")
    (info / "entry_points.txt").write_text(f"[pi_server.services]\n{name} = {value or f'{package}:Made'}\n")
