"""What an operation that must happen only once cannot be declared as."""

import pytest

from pi_server import Call, Service, delete, get, post
from pi_server.config import Config, ServiceSection
from pi_server.discovery.mounting import Mounting
from pi_server.discovery.once import has_once
from pi_server.pages import Text


class Inner(Service):
    """One that is once, and can be."""

    @delete("/{name}", once="required", enquire="was_deleted")
    async def good(self, call: Call, name: str) -> str:
        """Declared as it should be."""
        return name

    async def was_deleted(self, call: Call, name: str) -> str | None:
        """Take what the operation takes."""


class Wrong(Service):
    """All that cannot be."""

    root = "/wrong"
    inner: Inner

    @get("/", once=True)
    async def read(self, call: Call) -> None:
        """A GET."""

    @post("/page", once=True, page=True)
    async def page(self, call: Call) -> Text:
        """A page."""
        return Text("none")

    @post("/public", once=True, public=True)
    async def public(self, call: Call) -> None:
        """Nobody's keys."""

    @post("/idle", enquire="asked")
    async def idle(self, call: Call) -> None:
        """An enquiry that would never be made."""

    @post("/misspelt", once=True, enquire="aksed")
    async def misspelt(self, call: Call) -> None:
        """No such method."""

    @post("/plain", once=True, enquire="plain_asked")
    async def plain(self, call: Call) -> None:
        """A method that cannot be awaited."""

    @post("/other", once=True, enquire="asked")
    async def other(self, call: Call, name: str) -> None:
        """Other parameters than its enquiry."""

    async def asked(self, call: Call) -> None:
        """An enquiry."""

    def plain_asked(self, call: Call) -> None:
        """No coroutine."""


@pytest.mark.parametrize(
    ("operation", "reason"),
    [
        ("read", "cannot be once: a GET may always be repeated"),
        ("page", "cannot be both a page and once: a browser sends no idempotency key"),
        ("public", "cannot be both public and once: an idempotency key belongs to a consumer"),
        ("idle", "has an enquiry, but is not once"),
        ("misspelt", "enquires by aksed, which is no async method of its service"),
        ("plain", "enquires by plain_asked, which is no async method of its service"),
        ("other", "enquires by asked, which takes other parameters"),
    ],
)
def test_what_cannot_be_once_fails_its_plugin(operation: str, reason: str) -> None:
    """Each is told by its name and the reason, and nothing is said of what is right."""
    mounting = Mounting(Config(), "wrong", ServiceSection(), Wrong(inner=Inner()))
    told = [why for _, why in mounting.problems(mounting.mounts())]
    assert f"the operation {operation} {reason}" in told
    assert len(told) == 7


def test_a_plugin_is_searched_for_what_must_happen_once() -> None:
    """Nested services count; only where there is one do providers count what they send."""

    class Outer(Service):
        inner: Inner

    class Never(Service):
        pass

    assert has_once(Inner)
    assert has_once(Outer)
    assert not has_once(Never)
