"""What a master hands its workers: the configuration as it was when it was last found good, secrets included.

It lies in memory that only their descriptors lead to, so it is on no disk and in no list of processes.
"""

import json
import os
from dataclasses import dataclass
from pathlib import Path

from pi_server.config import LoadedConfig, load_given, restored


@dataclass(frozen=True, slots=True)
class Order:
    """The path of a configuration, and the JSON of what was given for it."""

    path: Path
    given: str

    @classmethod
    def of(cls, loaded: LoadedConfig) -> "Order":
        """What makes this configuration again."""
        return cls(loaded.path.absolute(), json.dumps(loaded.given.dump()))

    def loaded(self) -> LoadedConfig:
        """The configuration.  Raises ConfigError if this version of the program takes it no more."""
        return load_given(restored(json.loads(self.given)), self.path)

    def lent(self) -> int:
        """A descriptor by which a child reads it; whoever lends it closes it."""
        number = os.memfd_create("pi-server-order")
        with open(os.dup(number), "w", encoding="utf-8") as file:  # noqa: PTH123 - a number, not a path
            json.dump({"path": str(self.path), "given": self.given}, file)
        os.set_inheritable(number, True)
        return number


def borrowed(number: int) -> Order:
    """The order at an inherited descriptor, which many may read."""
    text = os.pread(number, os.fstat(number).st_size, 0)
    told = json.loads(text)
    return Order(Path(told["path"]), told["given"])
