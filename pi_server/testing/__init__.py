"""What a plugin's author tests a plugin with; see ``docs/testing-plugins.md``.

Without a server: `FakeProvider` answers for a provider, `FakeClock` for time; `memory_collection`, `memory_store` and
`memory_keys` keep what a service keeps; `FakeSessions`, `FakePasswords` and `FakeIssuer` sign people in.  With one:
`serve` runs it, `Served` is what a test knows of it.  `api_records`, `assert_pairs` and `golden_lines` read its API log
as `Record` values.  `pi_server.testing.pages` renders pages.

The fixtures ``call`` and ``serve`` (of the type `Serve`) come with the package: pytest finds them by itself.
"""

from pi_server.audit.api_log_parser import Record
from pi_server.testing.fake_clock import FakeClock
from pi_server.testing.fake_issuer import FakeIssuer
from pi_server.testing.fake_passwords import FakePasswords
from pi_server.testing.fake_provider import Answer, FakeProvider
from pi_server.testing.fake_sessions import FakeSessions
from pi_server.testing.golden import api_records, assert_pairs, golden_lines
from pi_server.testing.memory import memory_collection, memory_keys, memory_store
from pi_server.testing.served import Serve, Served, serve

__all__ = [
    "Answer",
    "FakeClock",
    "FakeIssuer",
    "FakePasswords",
    "FakeProvider",
    "FakeSessions",
    "Record",
    "Serve",
    "Served",
    "api_records",
    "assert_pairs",
    "golden_lines",
    "memory_collection",
    "memory_keys",
    "memory_store",
    "serve",
]
