"""How connections are counted."""

import resource

from pi_server.domain.connections import ConnectionLimits, Connections


def test_whoever_has_an_address_of_ipv6_has_its_network() -> None:
    """The first 64 bits count; another network has room of its own."""
    counted = Connections(ConnectionLimits(address=2, proxies=()))
    assert [counted.admit(f"2001:db8:0:1::{n}", 5) for n in range(3)] == [None, None, "address"]
    assert counted.admit("2001:db8:0:2::1", 5) is None


def test_an_address_is_the_same_in_both_spellings() -> None:
    """A socket of both families tells an address of IPv4 as one of IPv6; a proxy is one in either."""
    counted = Connections(ConnectionLimits(address=1, proxies=("10.0.0.0/8",)))
    assert [counted.admit(one, 5) for one in ("192.0.2.1", "::ffff:192.0.2.1")] == [None, "address"]
    assert [counted.admit("::ffff:10.1.2.3", 5) for _ in range(3)] == [None] * 3


def test_a_connection_without_an_address_is_its_proxys() -> None:
    """At a unix socket nobody has an address."""
    counted = Connections(ConnectionLimits(address=1))
    assert [counted.admit("", 5) for _ in range(3)] == [None] * 3


def test_a_place_is_free_again() -> None:
    """Whoever leaves makes room; what became of connections stays counted."""
    counted = Connections(ConnectionLimits(worker=1, proxies=()))
    assert [counted.admit("192.0.2.1", 5), counted.admit("192.0.2.2", 5)] == [None, "worker"]
    counted.leave("192.0.2.1", vanished=True)
    assert counted.admit("192.0.2.2", 5) is None
    assert (counted.open, dict(counted.refused), counted.vanished) == (1, {"worker": 1}, 1)


def test_files_are_kept_for_others() -> None:
    """A connection whose file is one of the last is not taken."""
    most, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    counted = Connections()
    assert [counted.admit("192.0.2.1", most - left) for left in (300, 1)] == [None, "files"]
