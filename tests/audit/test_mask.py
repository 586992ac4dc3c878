"""Secrets never appear, and nothing else is lost."""

import json
from collections.abc import Callable
from functools import partial
from typing import Any
from urllib.parse import parse_qsl, urlencode

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pi_server.audit.mask import Mask
from pi_server.audit.secret_names import SecretNames
from tests.parts.effort import assert_linear

S = "hunter2"
FORM = "application/x-www-form-urlencoded"
MASK = Mask(["nationalId", "X-Höhe"])
NAMES = ["password", "New_Password", "clientSecret", "x-srv-token", "apiKey", "PIN", "cvv2", "otp", "nationalId"]
names = st.sampled_from(NAMES)
plain_names = st.sampled_from(["a", "TraceNo", "AccountKey", "key", "shipping", "company", "é"])
plain = (
    st.none()
    | st.booleans()
    | st.integers(-(10**11), 10**11)
    | st.sampled_from(["", "x", "a=b", 'q"u\\o', "line\n", "é\u2028", "<b/>"])
)
trees = st.recursive(
    plain, lambda t: st.lists(t, max_size=3) | st.dictionaries(plain_names | names, t, max_size=4), max_leaves=12
)


def expected(tree: Any) -> Any:
    """``tree`` with the values of secret names replaced."""
    if isinstance(tree, dict):
        return {key: "***" if key in NAMES else expected(value) for key, value in tree.items()}  # pyright: ignore[reportUnknownVariableType] - any JSON
    if isinstance(tree, list):
        return [expected(value) for value in tree]  # pyright: ignore[reportUnknownVariableType] - any JSON
    return tree


@settings(max_examples=500)
@given(trees, st.booleans(), st.sampled_from([None, 1]))
def test_json_is_masked_and_otherwise_the_same(tree: Any, ascii_only: bool, indent: int | None) -> None:
    """Whatever its shape and spelling, JSON stays JSON and differs only under secret names."""
    text = json.dumps(tree, ensure_ascii=ascii_only, indent=indent)
    assert json.loads(MASK.payload(text, "application/json")) == expected(tree)


@settings(max_examples=300)
@given(trees, st.integers(1, 3))
def test_json_inside_strings_is_masked(tree: Any, depth: int) -> None:
    """JSON sent as text inside JSON, again and again, is masked like JSON."""
    text = json.dumps({"a": tree, "token": S})
    for _ in range(depth):
        text = json.dumps({"wrapped": text, "n": 1})
    masked = MASK.payload(text)
    for _ in range(depth):
        masked = json.loads(masked)["wrapped"]
    assert json.loads(masked) == {"a": expected(tree), "token": "***"}


def test_numbers_doubles_and_spaces_stay_as_sent() -> None:
    """Masking rewrites nothing but secret values: evidence keeps its digits, doubled names and spaces."""
    text = '{ "n" : 10.500, "n":1e3,\n "big":123456789012345678901234567890, "pin" : 1234 , "é":"\\u00e9" }'
    assert MASK.payload(text) == text.replace("1234 ,", '"***" ,')


VALUES = [f'"{S}"', f'"a\\"{S}"', f'["{S}", 1]', f'{{"a": {{"b": ["}}", "{S}"]}}}}', f"'{S}'", "12345678"]


@settings(max_examples=400)
@given(names, st.sampled_from(VALUES), st.integers(0, 200), st.booleans())
def test_broken_json_never_shows_a_secret(name: str, value: str, cut: int, nested: bool) -> None:
    """JSON cut anywhere, or wrong from the start, shows no part of a secret, nested in a string or not."""
    inner = f'{{"a": "x", "{name}": {value}, "b": "y"}}'
    text = json.dumps({"w": inner}) if nested else inner
    for broken in (text[: len(text) - cut % len(text)], "{x " + text, text + "}", text.replace(":", " :\n")):
        masked = MASK.payload(broken, "application/json")
        assert "hunt" not in masked
        assert "1234" not in masked


XML = [
    "<a><{n}>{s}</{n}><b>keep</b></a>",
    "<a xmlns:w='u'><w:{n} Type='t'>{s}</w:{n}><b>keep</b></a>",
    "<{n}><c><d e='{s}'>{s}</d>{s}</c></{n}><b>keep</b>",
    "<{n}><![CDATA[</{n}>{s}]]></{n}><b>keep</b>",
    "<{n}><!-- </{n}> -->{s}</{n}><b>keep</b>",
    "<{n}><{n}>x</{n}>{s}</{n}><b>keep</b>",
    "<{n}><{n}/><{n} />{s}</{n}><b>keep</b>",
    '<a {n}="{s}" b="keep"/>',
    "<a w:{n} = '{s}'><b>keep</b></a>",
    "<{n} value='{s}'/><b>keep</b>",
    "<{n}\n  a='>'\n>{s}</{n} ><b>keep</b>",
    "<b>keep</b><!-- <{n}>{s}</{n}> -->",
    "<b>keep</b><![CDATA[<{n}>{s}</{n}>]]>",
    "<b>keep</b><x>&lt;{n} a=&quot;1&quot;&gt;{s}&lt;/{n}&gt;</x>",
    "<b>keep</b><x>&amp;lt;{n}&amp;gt;{s}&amp;lt;/{n}&amp;gt;</x>",
    "<b>keep</b><x>&#060;{n} a=&#x22;1&#x22;&#X3e;{s}&#060;/{n}&#x003E;</x>",
    "<b>keep</b><x>{{&#x27;{n}&#039;:&#034;{s}&#034;}}</x>",
    "<b>keep</b><x>{{&quot;{n}&quot;:&quot;{s}&quot;}}</x>",
    '<b>keep</b><x>{{"{n}": "{s}"}}</x>',
    "<b>keep</b><{n}>{s}",
    '<b>keep</b><param name="{n}">{s}</param>',
    "<b>keep</b><a:Attribute Name='{n}' a='1'><a:AttributeValue>{s}</a:AttributeValue></a:Attribute>",
    '<b>keep</b><entry key="{n}"/><param name="{n}">{s}',
    '<input name="{n}"><b>keep</b><param name="{n}">{s}</param>',
    "<b>keep</b><{n} a='{s}",
    "<b>keep</b><{n}>{s}</other>{s}",
    "<b>keep</b></z><{n}>{s}</{n}",
    '<!DOCTYPE a [<!ENTITY x "y">]><b>keep</b><{n}>&x;{s}</{n}>',
    '{{"xml": "<{n}>{s}<\\/{n}>", "b": "keep"}}',
    '{{"xml": "\\u003c{n}\\u003e{s}\\u003c/{n}\\u003e", "b": "keep"}}',
    '{{broken "xml": "\\u003c{n}\\u003e{s}\\u003c/{n}\\u003e", "b": "keep"}}',
]


@pytest.mark.parametrize("template", XML)
@pytest.mark.parametrize("name", NAMES)
def test_xml_secrets_never_appear(template: str, name: str) -> None:
    """Content and attributes are masked in every form XML has, well formed or not, and what stands beside stays."""
    masked = MASK.payload(template.format(n=name, s=S), "text/xml")
    assert S not in masked
    assert "keep" in masked


def test_xml_keeps_its_elements() -> None:
    """Masked XML has the same elements, and WS-Security's user name is kept."""
    soap = "<S:Header><w:UsernameToken><w:Username>joe</w:Username><w:Password T='x'>{}</w:Password></w:UsernameToken>"
    assert MASK.payload(soap.format(S)) == soap.replace(" T='x'", "").format("***")


TEXTS = [
    "{n}={s}&b=keep",
    "b=keep {n}={s}",
    "b=keep {n} = {s}",
    "b=keep {n} == '{s}'",
    "b: keep\r\n{n}: {s}",
    "keep\n{n}: Bearer {s}, {s}",
    "keep {n}=Bearer {s}",
    "keep: {{'{n}': '{s}'}}",
    "keep '{n}' => '{s}'",
    "keep: {{{n}: {{x: '{s}'}}}}",
    "keep user[{n}]={s}",
    "keep log: \\n{n}={s}",
]


@pytest.mark.parametrize("template", TEXTS)
@pytest.mark.parametrize("name", NAMES)
def test_secrets_in_other_text_never_appear(template: str, name: str) -> None:
    """Pairs of any spelling are masked in text of no known form."""
    masked = MASK.payload(template.format(n=name, s=S), "text/plain")
    assert S not in masked
    assert "keep" in masked


@settings(max_examples=200)
@given(st.lists(st.tuples(names | plain_names, st.text(max_size=8)), max_size=6))
def test_forms_are_masked_and_otherwise_the_same(fields: list[tuple[str, str]]) -> None:
    """A form keeps its fields and their order; those of a secret name show no value."""
    shown = parse_qsl(MASK.payload(urlencode(fields), FORM), keep_blank_values=True)
    assert shown == [(n, "***" if n in NAMES and v else v) for n, v in fields]


def test_escaped_names_are_names() -> None:
    """Escapes in a name, of JSON or of a URL, hide nothing."""
    assert MASK.payload(f'{{"p\\u0061ssword":"{S}"}}') == '{"p\\u0061ssword":"***"}'
    assert MASK.payload(f'{{x "p\\u0061ssword":"{S}"}}') == '{x "p\\u0061ssword":"***"}'
    assert MASK.payload(f"a=1&p%61ssword={S}", FORM) == "a=1&p%61ssword=***"
    assert MASK.message((("Content-Type", FORM),), f"p%61ssword={S}", FORM)[1] == "p%61ssword=***"


def test_what_a_form_value_holds_is_masked() -> None:
    """JSON and XML inside a form, and JSON that only claims to be one, are masked too."""
    for text in (urlencode({"j": f'{{"pin":"{S}"}}'}), urlencode({"x": f"<pin>{S}</pin>"}), f'{{"pin":"a={S}&b={S}"}}'):
        assert S not in MASK.payload(text, FORM)


@pytest.mark.parametrize(
    ("target", "shown"),
    [
        ("/a/b", "/a/b"),
        ("/a?b=1&c=%20", "/a?b=1&c=%20"),
        (f"/a?token={S}&b=1", "/a?token=***&b=1"),
        (f"/a?b=1&API-Key={S}", "/a?b=1&API-Key=***"),
        (f"/a?%74oken={S}", "/a?%74oken=***"),
        (f"https://joe:{S}@h/a?b", "https://***@h/a?b"),
        ("/a?token", "/a?token"),
        ("/a?token=", "/a?token="),
        ("/a?", "/a?"),
    ],
)
def test_queries(target: str, shown: str) -> None:
    """A target keeps path, names and order; secret values and the user of a URL are masked."""
    assert MASK.query(target) == shown


@pytest.mark.parametrize("name", ["Authorization", "proxy-authorization", "COOKIE", "Set-Cookie", "x-srv-token"])
def test_headers_that_are_secrets(name: str) -> None:
    """Credentials in headers are masked whole, whatever the case of their name."""
    assert MASK.header(name, S) == "***"
    assert MASK.message((("A", "b"), (name, S)), "") == (["A=b", f"{name}=***"], "")


def test_headers_that_hold_secrets() -> None:
    """A URL in a header is masked like one, and other headers stay."""
    assert MASK.header("Location", f"https://h/?a=1&token={S}") == "https://h/?a=1&token=***"
    assert MASK.header("Content-Type", "text/xml; charset=UTF-8") == "text/xml; charset=UTF-8"


SECRET = "password PASSWD pwd Secret access_token refresh-token id_token idToken x-api-key apiKey X_Partner_Key pinCode"
KEPT = "TraceNo key keys AccountKey keyboard shipping spinning company tokenize passport cookiePolicy secretary pinned"


def test_which_names_are_secret() -> None:
    """The rules of the names are as documented."""
    known = SecretNames(["Card-No"])
    assert [
        name for name in (*SECRET.split(), "cardNo", "card_no2", "a.b.pin", "w:Password") if name not in known
    ] == []
    assert [name for name in (*KEPT.split(), "UsernameToken", "", "pin.b") if name in known] == []


def test_a_secret_name_is_always_suspected() -> None:
    """The quick look never misses a name that the rules know."""
    known = SecretNames(["straße"])
    assert all(
        known.suspected(f'{{"{name}":') for name in [*SECRET.split(), *NAMES[:-1], "STRASSE".lower(), "p-i-n"][:-2]
    )


@settings(max_examples=500)
@given(
    st.text(max_size=80)
    | st.lists(st.sampled_from([*NAMES, *"\"'\\{}[]<>/=:&;%\n ", "&lt;", "\\u003c", "x"])).map("".join)
)
def test_masking_never_raises_and_is_done_once(text: str) -> None:
    """Any text is masked without an exception, and masking twice changes nothing that could matter."""
    for content_type in ("application/json", "text/xml", FORM, ""):
        MASK.payload(text, content_type)
    MASK.query(text)
    MASK.header(text, text)


MIB = 2**20
EVIL = [
    *'<&\\"-_%:={[a ',
    "<a",
    '<a "',
    "<a '\"",
    "<!--",
    "<![CDATA[",
    "<password>",
    "<password a='",
    '<a name="pin">',
    '<a name="pin"></a>',
    '<a name="pin"><b>',
    "&#00",
    "<password><!--",
    "&lt;password",
    "&amp;",
    "amp;",
    "\\n",
    "\\u0061",
    "\\\\u0061",
    '\\"',
    'token=\\"',
    '"token":"',
    '"token":{',
    "token:{'",
    "token:1",
    "token ",
    "token=%",
    '{"a":',
    '["token",',
]


@pytest.mark.parametrize("size", [MIB // 8, pytest.param(MIB, marks=pytest.mark.slow)])
@pytest.mark.parametrize("unit", EVIL)
def test_hostile_input_takes_linear_time(unit: str, size: int) -> None:
    """A mebibyte made to mislead the search is masked in the time of a mebibyte, not of its square."""
    small, large = unit * (size // 8 // len(unit)), unit * (size // len(unit))
    for work in works():
        assert_linear(partial(work, small), partial(work, large), 8)


def works() -> list[Callable[[str], object]]:
    """All ways to mask a text, each with a secret before and after it so that no quick look ends the work."""
    return [
        lambda text: MASK.payload("token" + text + " token"),
        lambda text: MASK.payload('{"token":1,"a":' + text + " token"),
        lambda text: MASK.query("/token://" + text + "?" + text + "=token"),
        lambda text: MASK.header(text, "token"),
    ]
