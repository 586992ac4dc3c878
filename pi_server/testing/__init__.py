"""What a plugin's author tests a plugin with; see ``docs/testing-plugins.md``.

Without a server: `FakeProvider` answers for a provider, `FakeClock` for time.  With one: `serve` runs it, `Served` is
what a test knows of it.  `api_records`, `assert_pairs` and `golden_lines` read its API log as `Record` values.

The fixtures ``call`` and ``serve`` (of the type `Serve`) come with the package: pytest finds them by itself.
"""

from pi_server.audit.api_log_parser import Record
from pi_server.testing.fake_clock import FakeClock
from pi_server.testing.fake_provider import Answer, FakeProvider
from pi_server.testing.golden import api_records, assert_pairs, golden_lines
from pi_server.testing.served import Serve, Served, serve

__all__ = [
    "Answer",
    "FakeClock",
    "FakeProvider",
    "Record",
    "Serve",
    "Served",
    "api_records",
    "assert_pairs",
    "golden_lines",
    "serve",
]
