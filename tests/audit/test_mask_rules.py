"""What an operator declares secret is masked where the rule says, and where the rule cannot be followed."""

from __future__ import annotations

import json
from collections import Counter
from functools import partial

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pi_server.audit.mask import Mask
from pi_server.audit.mask_rules import MaskRules
from pi_server.domain.selectors import MOST_WAYS, expression, json_path, xml_path
from tests.audit.test_mask import EVIL, MIB
from tests.parts.effort import assert_linear

S = "hunter2"
FORM = "application/x-www-form-urlencoded"
RULES = MaskRules(
    json=("$.customer.nationalId", "$..iban2", "$.items[*].code", "$.rows[1]", "$['a b'].c", "$.any.*"),
    xpath=("//c:Card/c:Number", "/Envelope/Body//Holder/@value", "//Only/*", "//@born"),
    headers=("X-Branch",),
    form=("height",),
    query=("state",),
    regex=(("national_code", r"(?<!\d)\d{10}(?!\d)"),),
)
MASK = Mask((), RULES)

JSON_CASES = [
    ({"customer": {"nationalId": S, "n": 1}}, {"customer": {"nationalId": "***", "n": 1}}),
    ({"nationalId": "kept", "x": {"customer": {"nationalId": "kept"}}}, None),
    ({"customer": [{"nationalId": "kept"}]}, None),
    ({"a": [{"iban2": 1}, {"b": {"iban2": [S]}}]}, {"a": [{"iban2": "***"}, {"b": {"iban2": "***"}}]}),
    ({"items": [{"code": S}, {"code": {"x": S}}, {"k": 1}]}, {"items": [{"code": "***"}, {"code": "***"}, {"k": 1}]}),
    ({"items": {"code": "kept"}}, {"items": {"code": "kept"}}),
    ({"rows": [1, {"x": S}, 3]}, {"rows": [1, "***", 3]}),
    ({"a b": {"c": S, "d": 1}}, {"a b": {"c": "***", "d": 1}}),
    ({"any": {"x": S, "y": [S]}}, {"any": {"x": "***", "y": "***"}}),
    ({"fields": [{"name": "password", "value": S}]}, {"fields": [{"name": "password", "value": "***"}]}),
    ({"fields": [{"Value": {"x": S}, "KEY": "cvv"}]}, {"fields": [{"Value": "***", "KEY": "cvv"}]}),
    ({"fields": [{"name": "colour", "value": "kept"}]}, None),
]


@pytest.mark.parametrize(("sent", "shown"), JSON_CASES)
@pytest.mark.parametrize("wrapped", [False, True])
def test_json_paths_select_what_they_say(sent: object, shown: object, wrapped: bool) -> None:
    """A path selects from the root of its own document, also when that is text within another; nothing else goes."""
    text = json.dumps(sent)
    if wrapped:
        assert json.loads(json.loads(MASK.payload(json.dumps({"w": text})))["w"]) == (shown or sent)
    masked = MASK.payload(text)
    assert json.loads(masked) == (shown or sent)
    assert shown or masked == text


def test_the_rest_of_the_text_stays_byte_for_byte() -> None:
    """Numbers, spaces, doubled names and escapes around what is masked are as they were sent."""
    text = '{ "n" : 10.500, "n":1e3,\n "customer" :{"nationalId" : 12 , "e":"\\u00e9\\/" } }'
    assert MASK.payload(text) == text.replace("12 ,", '"***" ,')


@settings(max_examples=300)
@given(st.sampled_from(JSON_CASES[:1] + JSON_CASES[3:5] + JSON_CASES[9:11]), st.integers(1, 60))
def test_broken_json_never_shows_what_a_path_would_select(case: tuple[object, object], cut: int) -> None:
    """JSON cut anywhere, as at the end of a long payload, masks by the last name of a path."""
    text = json.dumps(case[0])
    for broken in (text[: max(len(text) - cut, 1)], text + "}", "answer: " + text):
        assert "hunt" not in MASK.payload(broken)


XML_CASES = [
    ("<a xmlns:c='u'><c:Card><c:Number>{}</c:Number><b>kept</b></c:Card></a>", 1),
    ("<a><Card><Number t='{}'><d>{}</d>{}</Number><b>kept</b></Card></a>", 3),
    ("<Envelope><Body><q><Holder value='{}' other='kept'/></q></Body></Envelope>", 1),
    ("<x><Only><a>{}</a><b c='{}'/></Only><b>kept</b></x>", 2),
    ("<x><y p:born='{}'>kept</y></x>", 1),
    ("<x><y>kept</y><Card>\n<Number>{}</Number></Card>", 1),
    ("<x><y>kept</y><Card><Number>{}", 1),
    ("<x><y>kept</y>&lt;Number&gt;{}&lt;/Number&gt;</x>", 1),
    ("<x><y>kept</y><![CDATA[<Card><Number>{}</Number></Card>]]></x>", 1),
    ("<x><y>kept</y><Holder value='{}' <", 1),
    ("<x><!-- c --><y>kept</y><Card><Number>{}</Number></Card></x>", 1),
    ("kept <Card><Number>{}</Number></Card> after", 1),
]


@pytest.mark.parametrize(("template", "count"), XML_CASES)
def test_xpaths_never_show_what_they_select(template: str, count: int) -> None:
    """Elements and attributes are masked in well-formed XML, and by their last name in any other."""
    masked = MASK.payload(template.format(*[S] * count))
    assert S not in masked
    assert "kept" in masked


def test_xpaths_leave_the_rest_as_sent() -> None:
    """Only what the path leads to is masked: the same names elsewhere stay, and so does every other byte."""
    text = "<?xml version='1.0'?>\n<E><Number>1</Number><Card ><Number>{}</Number>\n<b  x = '1'/></Card>"
    text += "<Holder value='2'/></E>"
    assert MASK.payload(text.format(S)) == text.format("***")


@pytest.mark.parametrize(
    ("sent", "shown"),
    [
        ("/a?state=1&height=2", "/a?state=***&height=2"),
        ("/a?x=0012345678", "/a?x=***"),
        ("/a/4111111111111111/b?x=1", "/a/***/b?x=1"),
        ("/a?x=4111%201111%201111%201111", "/a?x=***"),
    ],
)
def test_query_rules(sent: str, shown: str) -> None:
    """Parameters, and values by their form in path and query, are masked."""
    assert MASK.query(sent) == shown


def test_form_and_header_rules() -> None:
    """A form's fields and a header go by their own rules."""
    assert MASK.payload("state=1&height=2&a=b", FORM) == "state=1&height=***&a=b"
    assert MASK.message((("x-branch", "7"), ("X-Other", "8")), "", "") == (["x-branch=***", "X-Other=8"], "")


def test_text_of_no_known_form_goes_by_every_name() -> None:
    """A log message knows no paths: the last name of each rule counts."""
    masked = MASK.payload("failed: nationalId=1, iban2: '2', height=3 state=4 Number=5 other=kept")
    assert masked == "failed: nationalId=*** iban2: '***', height=*** state=*** Number=*** other=kept"


PARTS = (
    '--b\r\nContent-Disposition: form-data; name="{n}"\r\nContent-Type: text/plain\r\n\r\n{s}\r\n{s}\r\n'
    '--b\r\nContent-Disposition: form-data; name="note"\r\n\r\nkept\r\n--b--\r\n'
)


@pytest.mark.parametrize("name", ["password", "cardPin", "height"])
@pytest.mark.parametrize("end", ["\r\n", "\n"])
def test_multipart_fields(name: str, end: str) -> None:
    """The body of a part with a secret name is masked, whatever ends its lines; the other parts stay."""
    text = PARTS.format(n=name, s=S).replace("\r\n", end)
    masked = MASK.payload(text, "multipart/form-data; boundary=b")
    assert masked == text.replace(f"{S}{end}{S}", "***")
    assert S not in MASK.payload(text[: len(text) // 2])


TOLD = [
    "<Parameter><Name>password</Name><Value>{s}</Value></Parameter> kept",
    "<add key='db.password' x='y' value='{s}'/> kept",
    '<input value="{s}" type="hidden" name="csrf_token"> kept',
    'broken {{"name": "otp", "value": "{s}", kept',
    "kept name=password, value={s}",
    "kept (b'authorization', b'Bearer {s}')",
    'kept {{\\"key\\":\\"pin\\",\\"value\\":\\"{s}\\"}}',
    "kept https://me:{s}@host/path",
    '{{"kept": "see https:\\/\\/me:{s}@host\\/"}}',
]


@pytest.mark.parametrize("template", TOLD)
def test_names_told_as_values(template: str) -> None:
    """A secret whose name stands beside it as a value is masked, and so is the user of a URL in any text."""
    masked = MASK.payload(template.format(s=S))
    assert S not in masked
    assert "kept" in masked


def test_a_message_named_like_a_secret_keeps_its_elements() -> None:
    """Of an element such as ChangePassword the names within stay, and no value."""
    text = "<B><ChangePassword xmlns='u'>\n <User id='7'>joe</User><New>{}</New></ChangePassword><x>kept</x></B>"
    shown = "<B><ChangePassword>\n <User>***</User><New>***</New></ChangePassword><x>kept</x></B>"
    assert MASK.payload(text.format(S)) == shown


def test_hits_are_told_by_rule() -> None:
    """Each value that is masked is told once, under the rule that hid it."""
    hits = Counter[str]()
    mask = Mask(["nick"], RULES, hit=lambda rule: hits.update([rule]))
    mask.payload('{"customer": {"nationalId": 1}, "nick": 2, "token": [3], "n": 4111111111111111, "t": "a 0012345678"}')
    mask.payload("<a><Card><Number>1</Number></Card></a>")
    assert hits == {
        "json $.customer.nationalId": 1,
        "name nick": 1,
        "name token": 1,
        "pattern card": 1,
        "regex national_code": 1,
        "xpath //c:Card/c:Number": 1,
    }


@pytest.mark.parametrize(
    "text", ["", "$", "a.b", "$.", "$..", "$..*", "$[0]", "$[*]", "$.a[", "$.a[-1]", "$.a b c[?(1)]"]
)
def test_other_json_paths_are_refused(text: str) -> None:
    """What the small language does not know is an error, not a rule that never fires."""
    with pytest.raises(ValueError, match="JSON path"):
        json_path(text)


@pytest.mark.parametrize("text", ["", "/", "a", "a/b", "//*", "//@*", "/a/text()", "/a[1]", "/@a/b", "/a///b", "/a/"])
def test_other_xpaths_are_refused(text: str) -> None:
    """The same of XPaths."""
    with pytest.raises(ValueError, match="XPath"):
        xml_path(text)


UNBOUNDED = ["a+", "a*", "a{2,}", "a{2,100}", "[a-c]++"]
TOO_MANY_WAYS = ["(a{1,9}){1,9}", "(a|a){30}", r"\w{1,64}@\w{1,64}", "a{1,99}+b{1,99}c{1,99}"]
UNKNOWN = ["^a", r"(a)\1", "(?P<x>a)", "(?i:a)", "(", "[", "a" * 201]
EMPTY = ["a?", "x{0,3}", "|a"]


@pytest.mark.parametrize("text", [*UNBOUNDED, *TOO_MANY_WAYS, *UNKNOWN, *EMPTY])
def test_expressions_that_could_run_away_are_refused(text: str) -> None:
    """Without an upper bound, with too many ways to match, or of a form nobody has judged."""
    with pytest.raises(ValueError, match=r"must|repeat|ways"):
        expression(text)


@pytest.mark.parametrize(
    "text",
    [
        r"(?<!\d)\d{10}(?!\d)",
        r"[A-Z]{2}\d{2,30}",
        r"(?:\d{4}[ -]?){3}\d{4}",
        r"[\w.]{1,64}+@[\w.]{1,99}+",
        r"(?:a|b)c\.d",
    ],
)
def test_bounded_expressions_are_taken(text: str) -> None:
    """What people write for numbers, codes and addresses passes."""
    assert expression(text).pattern == text


def test_the_worst_expression_allowed_is_soon_done() -> None:
    """An expression with nearly all the ways there may be takes bounded time on a whole payload."""
    worst = r"[a-z]{1,22}[a-z]{1,22}!"
    assert MOST_WAYS >= 22 * 22
    mask = Mask((), MaskRules(regex=(("worst", worst),)))
    assert_linear(lambda: mask.payload("a" * 8192), lambda: mask.payload("a" * 65536), 8)


@pytest.mark.parametrize(
    "unit",
    [
        *EVIL,
        "1",
        "1 ",
        "4111 ",
        "4" * 13 + " ",
        "AA00",
        "<a>",
        "<Card><Number>",
        "name=pin,value=",
        "content-disposition: form-data; name=",
    ],
)
def test_hostile_input_takes_linear_time_with_rules(unit: str) -> None:
    """With rules of every kind, too, a long text takes the time of its length."""
    rules = MaskRules(json=RULES.json, xpath=RULES.xpath, headers=RULES.headers, form=RULES.form, query=RULES.query)
    mask = Mask((), rules)
    small, large = unit * (MIB // 64 // len(unit)), unit * (MIB // 8 // len(unit))
    for before, after in (("Number iban2 ", " token"), ('{"token":1,"iban2":', "]"), ("<Number>1</Number>", "")):
        assert_linear(partial(mask.payload, before + small + after), partial(mask.payload, before + large + after), 8)
