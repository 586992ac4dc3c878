"""Pages rendered without a server."""

import pytest
from jinja2 import TemplateNotFound, UndefinedError

from pi_server import Call, Consumer
from pi_server.pages import Form, Page
from pi_server.testing.pages import render
from tests.web.pages.board.service import Board, Note


def page(**context: object) -> Page:
    """The board with one note."""
    return Page("notes.html", {"notes": ["<i>"], "form": Form[Note](), "mark": "", **context})


def test_a_page_is_rendered_as_the_server_would() -> None:
    """Escaped, with addresses below the service's root and the versions of its files."""
    html = render(page(), Board)
    assert "&lt;i&gt;" in html
    assert 'action="/board/signout/"' in html
    assert 'href="/board/static/board.css?v=' in html
    assert "csrf_token" not in html


def test_it_is_rendered_for_somebody() -> None:
    """The consumer of the call, and the token of who is signed in."""
    html = render(page(), Board, Call(consumer=Consumer("ann", kind="session")), csrf_token="T1")
    assert "ann" in html
    assert '<input type="hidden" name="csrf_token" value="T1">' in html


def test_mistakes_of_a_form_are_shown() -> None:
    """A form is made as the server reads it."""
    html = render(page(form=Form.read(Note, {"text": "", "stars": "9"})), Board)
    assert '<p id="text-error">Please fill this in.</p>' in html
    assert '<p id="stars-error">This must be at most 5.</p>' in html


@pytest.mark.parametrize(
    ("template", "error"), [("missing.html", TemplateNotFound), ("undefined.html", UndefinedError)]
)
def test_what_the_server_could_not_show_fails_here_too(template: str, error: type[Exception]) -> None:
    """A template that is not there, and one that asks for what it was not given."""
    with pytest.raises(error):
        render(Page(template), Board)
