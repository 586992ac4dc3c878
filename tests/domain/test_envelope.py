"""The three envelopes around one answer or one fault."""

import json

import pytest

from pi_server import Fault
from pi_server.domain.envelope import ENVELOPES, EnvelopeName
from pi_server.domain.faults import Detail, InvalidInput, MethodNotAllowed, NoSuchPath

REFUSED = InvalidInput(details=(Detail("amount", "Field required"),))


@pytest.mark.parametrize(
    ("name", "body"),
    [
        ("semantic", {"data": {"a": 1}, "correlationId": "c-1"}),
        ("problem", {"data": {"a": 1}, "correlationId": "c-1"}),
        ("compat", {"dat": {"a": 1}, "err": ""}),
    ],
)
def test_success_has_the_form_of_its_envelope(name: EnvelopeName, body: object) -> None:
    """The operation's JSON is put into the frame as it is."""
    assert json.loads(ENVELOPES[name].success(b'{"a":1}', "c-1")) == body


@pytest.mark.parametrize(
    ("name", "status", "content_type", "body"),
    [
        (
            "semantic",
            422,
            "application/json",
            {
                "error": {
                    "code": "invalid_input",
                    "message": "The input does not fit the operation.",
                    "details": [{"path": "amount", "reason": "Field required"}],
                },
                "correlationId": "c-1",
            },
        ),
        (
            "problem",
            422,
            "application/problem+json",
            {
                "type": "about:blank",
                "title": "Unprocessable Content",
                "status": 422,
                "detail": "The input does not fit the operation.",
                "instance": "c-1",
                "code": "invalid_input",
                "details": [{"path": "amount", "reason": "Field required"}],
            },
        ),
        (
            "compat",
            200,
            "application/json",
            {"dat": None, "err": "The input does not fit the operation. amount: Field required"},
        ),
    ],
)
def test_a_fault_has_the_form_of_its_envelope(name: EnvelopeName, status: int, content_type: str, body: object) -> None:
    """One fault, three renderers: the content is the same."""
    rendered = ENVELOPES[name].failure(REFUSED, "c-1")
    assert (rendered.status, rendered.content_type) == (status, content_type)
    assert json.loads(rendered.body) == body


@pytest.mark.parametrize(
    ("fault", "status"),
    [
        (Fault("closed", 409, "The account is closed."), 200),
        (Fault("missing", 404, "There is no such account."), 200),
        (Fault("teapot", 418, "No."), 418),
        (Fault("provider_timeout", 504, "Too late."), 504),
        (NoSuchPath(), 404),
        (MethodNotAllowed(), 405),
    ],
)
def test_compat_keeps_the_status_of_what_the_server_itself_refuses(fault: Fault, status: int) -> None:
    """200 is for what an operation answers; routing and providers keep their status."""
    assert ENVELOPES["compat"].failure(fault, "c-1").status == status


@pytest.mark.parametrize("name", sorted(ENVELOPES))
def test_any_message_is_valid_json(name: EnvelopeName) -> None:
    """A message may hold whatever a person wrote, even half a surrogate pair."""
    json.loads(ENVELOPES[name].failure(Fault("x", 400, '"\\\n\u2028 é \ud800'), "c-1").body)
