"""How a person is told of a fault: a small page of the core's own, without any word of a library."""

from base64 import b64encode
from hashlib import sha256
from html import escape
from importlib.resources import files
from string import Template

from pi_server.domain.envelope import Rendered
from pi_server.domain.faults import Fault

_TITLES = {
    401: "Please sign in",
    403: "This is not allowed",
    404: "Nothing is here",
    405: "This cannot be done here",
    408: "This took too long",
    409: "This does not go together",
    413: "This is too much",
    422: "This does not fit",
    429: "Please wait a moment",
    500: "Something went wrong",
    503: "Please try again in a moment",
    504: "This took too long",
}
_MESSAGES = {  # by code: the faults of the core speak of operations, which are programs' business
    "body_too_large": "What was sent is too large.",
    "cross_site": "This was not sent from a page of this site, or that page is out of date. Please load it again.",
    "forbidden": "You may not use this page.",
    "internal": "The fault is ours, and it was written down. Please try again later.",
    "invalid_input": "The server cannot use what was sent.",
    "invalid_syntax": "The server cannot read what was sent.",
    "method_not_allowed": "There is something at this address, but it takes no such request.",
    "no_such_path": "There is no page at this address.",
    "not_acceptable": "There is a page at this address, but not in a form that your browser asks for.",
    "two_credentials": "Your browser shows two sign-ins at once. Please delete the cookies of this site.",
    "unauthenticated": "This page is for people who are signed in.",
    "unsupported_media_type": "The server cannot read what was sent.",
}


class FaultPage:
    """An envelope for people: success has no frame at all, failure is a page with the correlation id."""

    frames_nothing = False

    def __init__(self) -> None:
        """Read the page."""
        folder = files("pi_server.web.pages")
        style = (folder / "fault_page.css").read_text(encoding="utf-8")
        self._page = Template((folder / "fault_page.html").read_text(encoding="utf-8"))
        self._style = style
        self._headers = {
            "Content-Security-Policy": f"default-src 'none'; style-src 'sha256-{_digest(style)}'; "
            "base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
        }

    def success(self, data: bytes, correlation_id: str) -> bytes:
        """The page as it is."""
        return data

    def failure(self, fault: Fault, correlation_id: str) -> Rendered:
        """Title, message and correlation id; details are for programs."""
        title = _TITLES.get(fault.status, "This did not work")
        message = _MESSAGES.get(fault.code, fault.message)
        html = self._page.substitute(
            title=escape(title), message=escape(message), id=escape(correlation_id), style=self._style
        )
        body = html.encode("utf-8", "replace")
        return Rendered(fault.status, "text/html; charset=utf-8", body, self._headers)


def _digest(style: str) -> str:
    return b64encode(sha256(style.encode()).digest()).decode()


FAULT_PAGE = FaultPage()
