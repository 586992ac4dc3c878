"""The laws of `Chain`, which hold inbound and outbound alike."""

from collections.abc import Callable

from hypothesis import given
from hypothesis import strategies as st

from pi_server.domain.chain import Chain

Handler = Callable[[str], str]


def _link(name: str) -> Callable[[Handler], Handler]:
    return lambda handler: lambda request: f"{name}({handler(request)})"


LINKS = {name: _link(name) for name in "abcdefgh"}
names = st.lists(st.sampled_from(sorted(LINKS)), max_size=6)


def _chain(of: list[str]) -> Chain[Handler]:
    return Chain(*(LINKS[name] for name in of))


def _core(request: str) -> str:
    return f"<{request}>"


def _answer(chain: Chain[Handler]) -> str:
    return chain.then(_core)("x")


def test_an_empty_chain_gives_the_handler_itself() -> None:
    """Identity: nothing is wrapped around a handler by a chain without links."""
    assert Chain[Handler]().then(_core) is _core


@given(names)
def test_the_first_link_is_outermost(order: list[str]) -> None:
    """Order: Chain(a, b, c).then(h) is a(b(c(h)))."""
    expected = "".join(f"{name}(" for name in order) + "<x>" + ")" * len(order)
    assert _answer(_chain(order)) == expected


@given(names, names, names)
def test_extending_is_associative(x: list[str], y: list[str], z: list[str]) -> None:
    """Associativity: how chains were put together cannot be seen from outside."""
    left = _chain(x).extend(_chain(y)).extend(_chain(z))
    right = _chain(x).extend(_chain(y).extend(_chain(z)))
    assert left == right
    assert _answer(left) == _answer(right)


@given(names, names)
def test_appending_is_extending_by_a_chain_of_the_links(x: list[str], y: list[str]) -> None:
    """Append and extend agree."""
    assert _chain(x).append(*(LINKS[name] for name in y)) == _chain(x).extend(_chain(y)) == _chain(x + y)


@given(names, names)
def test_a_chain_never_changes(x: list[str], y: list[str]) -> None:
    """Immutability: what is added to a chain is not added to the one it was made from."""
    chain = _chain(x)
    before = _answer(chain)
    chain.append(*(LINKS[name] for name in y))
    chain.extend(_chain(y))
    assert _answer(chain) == before


def test_links_are_applied_once_when_composed() -> None:
    """A request walks no list: links run at composition, and never again."""
    composed: list[str] = []

    def counting(handler: Handler) -> Handler:
        composed.append("link")
        return handler

    handler = Chain(counting, counting).then(_core)
    for _ in range(5):
        handler("x")
    assert composed == ["link", "link"]
