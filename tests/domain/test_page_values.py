"""Pages and redirects as plain values, and where a redirect may lead."""

import pytest

import pi_server.pages
from pi_server.domain.pages import below
from pi_server.pages import Page, Redirect, Text

ELSEWHERE = (
    "//evil.example",
    "///evil.example",
    "/\\evil.example",
    "\\/evil.example",
    "\\\\evil.example",
    "/x\\..\\\\evil.example",
    "https://evil.example",
    "HTTPS:evil.example",
    "http:/evil.example",
    "javascript:alert(1)",
    "data:text/html,x",
    "evil.example",
    "@evil.example",
    " /x",
    "\t//evil.example",
    "/\t/evil.example",
    "/\n/evil.example",
    "/\r\nSet-Cookie: a=b",
    "/x\x00",
    "/x\x7f",
    "/x\x85",
    "/\ud800",
    "",
    "?next=x",
    "#x",
    ".",
    "../x",
    "%2F%2Fevil.example",
)


@pytest.mark.parametrize("target", ELSEWHERE)
def test_no_spelling_of_elsewhere_is_taken(target: str) -> None:
    """The author's own is an error; what a consumer asked for gives way to the other page."""
    with pytest.raises(ValueError, match="no path of this server"):
        Redirect(target)
    assert Redirect.back(target, "/home") == Redirect("/home")


@pytest.mark.parametrize("target", ["/", "/x", "/x/?a=b#c", "/a//b", "/x?next=//y", "/%2Fx", "/é", "/:@x", "/.//x"])
def test_paths_of_this_server_are_taken(target: str) -> None:
    """Whatever stands in them."""
    assert Redirect.back(target, "/home") == Redirect(target)


@pytest.mark.parametrize(
    ("root", "target", "whole"),
    [
        ("/board", "/", "/board/"),
        ("/board", "/new?x=1", "/board/new?x=1"),
        ("/board", "/board/new", "/board/new"),
        ("/board", "/board", "/board"),
        ("/board", "/board?x=1", "/board?x=1"),
        ("/board", "/boards", "/board/boards"),
        ("/board/", "/x", "/board/x"),
        ("/", "/x", "/x"),
    ],
)
def test_a_target_lies_below_the_root(root: str, target: str, whole: str) -> None:
    """It is told from there, or whole."""
    assert below(root, target) == whole


def test_a_redirect_has_a_redirects_status() -> None:
    """And 303 without a word: the browser asks with GET."""
    assert Redirect("/x").status == 303
    with pytest.raises(ValueError, match="200 redirects nobody"):
        Redirect("/x", status=200)


def test_a_context_leaves_the_servers_own_names_alone() -> None:
    """Found when the page is made, not when it is shown."""
    with pytest.raises(ValueError, match="call, nonce cannot be in a context"):
        Page("x.html", {"nonce": "1", "call": "2", "note": "3"})


def test_pages_are_values() -> None:
    """Equal if they say the same."""
    assert Page("x.html", {"a": 1}) == Page("x.html", {"a": 1}) != Page("x.html", {"a": 2})
    assert Text("x") == Text("x", "text/plain")


def test_the_vocabulary_is_small() -> None:
    """At most sixteen names, and each is there."""
    assert len(set(pi_server.pages.__all__)) == len(pi_server.pages.__all__) <= 16
    assert all(hasattr(pi_server.pages, name) for name in pi_server.pages.__all__)
