"""The vocabulary of `pi_server.testing`."""

import subprocess
import sys

import pi_server.testing

HEAVY = ("aiohttp", "argon2", "cryptography", "jwt", "pymongo", "redis")


def test_there_are_at_most_sixteen_names() -> None:
    """And each is there."""
    assert len(set(pi_server.testing.__all__)) == len(pi_server.testing.__all__) <= 16
    assert all(hasattr(pi_server.testing, name) for name in pi_server.testing.__all__)


def test_importing_them_is_cheap() -> None:
    """A test that serves nothing and signs nobody in loads neither HTTP nor drivers nor cryptography."""
    asked = f"import sys, pi_server.testing; print([name for name in {HEAVY} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
