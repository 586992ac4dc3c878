"""Finding the target of a verb and path."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pi_server.web.route_table import Found, Missed, RouteTable, parse_template


def _table(*templates: str, verb: str = "GET") -> RouteTable[str]:
    table: RouteTable[str] = RouteTable()
    for template in templates:
        table.add(verb, template, template)
    return table


@pytest.mark.parametrize(
    ("path", "template", "parameters"),
    [
        ("/", "/", {}),
        ("/api", "/api", {}),
        ("/api/", "/api", {}),
        ("/api/7", "/api/{id:[0-9]+}", {"id": "7"}),
        ("/api/seven", "/api/{name}", {"name": "seven"}),
        ("/api/7/items/a/b", "/api/{id}/items/{rest:*}", {"id": "7", "rest": "a/b"}),
        ("/api/a%2Fb", "/api/{name}", {"name": "a/b"}),
        ("/api/%D9%81", "/api/{name}", {"name": "ف"}),
        ("/api/latest", "/api/latest", {}),
        ("/date/2026-11", "/date/{month:[0-9]{4}-[0-9]{2}}", {"month": "2026-11"}),
    ],
)
def test_the_most_specific_template_is_found(path: str, template: str, parameters: dict[str, str]) -> None:
    """A literal beats a regex, which beats any text, which beats the rest."""
    table = _table(
        "/",
        "/api",
        "/api/{name}",
        "/api/{id:[0-9]+}",
        "/api/latest",
        "/api/{id}/items/{rest:*}",
        "/date/{month:[0-9]{4}-[0-9]{2}}",
    )
    assert table.find("GET", path) == Found(template, parameters)


def test_a_literal_is_what_a_path_says() -> None:
    """A path that spells a template's escapes, or a letter as one, is decoded before it is compared."""
    table = _table("/a%20b", "/latest")
    assert table.find("GET", "/a%20b") == Missed(())
    assert table.find("GET", "/a%2520b") == Found("/a%20b", {})
    assert table.find("GET", "/l%61test") == table.find("HEAD", "/latest") == Found("/latest", {})


@pytest.mark.parametrize("path", ["/nothing", "/api//x", "//", "/api/%ff", "/api/latest/more", "/API"])
def test_a_path_without_template_is_missed(path: str) -> None:
    """What no template takes is missed, and no verb would have helped."""
    assert _table("/api", "/api/{name}", "/api/latest").find("GET", path) == Missed(())


def test_a_missing_verb_tells_the_others() -> None:
    """A known path with another verb names all verbs of every template that fits."""
    table = _table("/orders/{id}")
    table.add("DELETE", "/orders/latest", "x")
    assert table.find("POST", "/orders/latest") == Missed(("DELETE", "GET", "HEAD"))


def test_a_less_specific_template_serves_a_verb_the_better_one_lacks() -> None:
    """GET /orders/latest reaches {id} although only DELETE is declared for the literal."""
    table = _table("/orders/{id}")
    table.add("DELETE", "/orders/latest", "x")
    assert table.find("GET", "/orders/latest") == Found("/orders/{id}", {"id": "latest"})


def test_head_is_served_by_get() -> None:
    """HEAD needs no declaration of its own."""
    assert _table("/a").find("HEAD", "/a") == Found("/a", {})


@pytest.mark.parametrize(
    "template", ["api", "/a/{", "/a/{1x}", "/a/x{id}", "/{rest:*}/more", "/{a}/{a}", "/a/{x:[}", "/a/{}"]
)
def test_a_malformed_template_is_refused(template: str) -> None:
    """A template is a literal path with whole segments as variables, and nothing else."""
    with pytest.raises(ValueError, match=r"path|regex|segment"):
        parse_template(template)


def test_two_templates_for_the_same_paths_are_refused() -> None:
    """Names of variables do not make templates different."""
    table = _table("/a/{x}")
    assert table.taken("GET", "/a/{y}")
    assert not table.taken("POST", "/a/{y}")
    with pytest.raises(ValueError, match="served twice"):
        table.add("GET", "/a/{y}", "again")


segments = st.text(st.characters(codec="utf-8", exclude_characters="{}/%"), min_size=1, max_size=8)


@given(st.lists(segments, min_size=1, max_size=5))
def test_any_text_arrives_in_a_variable_as_it_was(values: list[str]) -> None:
    """Percent-encoding is undone segment by segment, whatever the text."""
    from urllib.parse import quote

    table = _table("/" + "/".join(f"{{v{index}}}" for index in range(len(values))))
    found = table.find("GET", "/" + "/".join(quote(value, safe="") for value in values))
    assert isinstance(found, Found)
    assert list(found.parameters.values()) == values


@given(st.binary(max_size=40))
def test_no_path_raises(path: bytes) -> None:
    """Whatever comes as a path, the answer is found or missed."""
    text = "/" + path.decode("latin-1")
    assert isinstance(_table("/a", "/a/{b}", "/{rest:*}").find("GET", text), Found | Missed)
