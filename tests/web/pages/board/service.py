"""A notice board, with pages for people and the same for programs."""

from typing import Annotated, ClassVar

from pydantic import BaseModel, Field, SecretStr

from pi_server import Call, Fault, Query, Service, get, post
from pi_server.pages import ErrorText, Form, Page, Redirect, Text
from pi_server.security import Sessions, TokenIssuer


class SignIn(BaseModel):
    """Who signs in."""

    user: Annotated[str, Field(pattern=r"^[a-z]+$"), ErrorText("A name has small letters only.")]
    password: SecretStr


class Note(BaseModel):
    """What is pinned to the board."""

    text: Annotated[str, Field(max_length=2000)]
    urgent: bool = False
    stars: Annotated[int | None, Field(ge=1, le=5)] = None


class Search(BaseModel):
    """What is looked for."""

    text: str = ""
    stars: Annotated[int | None, Field(ge=1, le=5)] = None


EMPTY: Form[Search] = Form()


class Signed(BaseModel):
    """Who is signed in now."""

    user: str


class Pinned(BaseModel):
    """What a program is told of a note."""

    text: str


class Board(Service):
    """Notes that everybody signed in can read."""

    root = "/board"
    sign_in_page: ClassVar[str] = "/signin/"
    sessions: Sessions
    issuer: TokenIssuer
    notes: list[str]

    @get("/", page=True)
    async def read(self, call: Call, mark: str = "") -> Page:
        """Show the notes."""
        return Page("notes.html", {"notes": self.notes, "form": Form[Note](), "mark": mark})

    @get("/")
    async def read_as_data(self, call: Call) -> list[str]:
        """All notes."""
        return self.notes

    @post("/", page=True)
    async def pin_by_form(self, call: Call, form: Form[Note]) -> Page | Redirect:
        """Pin a note."""
        if form.value is None:
            return Page("notes.html", {"notes": self.notes, "form": form, "mark": ""}, status=422)
        self.notes.append(form.value.text)
        return Redirect("/")

    @post("/")
    async def pin(self, call: Call, note: Note) -> Pinned:
        """Pin a note."""
        self.notes.append(note.text)
        return Pinned(text=note.text)

    @get("/signin/", public=True, page=True)
    async def sign_in_form(self, call: Call, next: str = "") -> Page:
        """Ask who it is."""
        return Page("sign_in.html", {"form": Form[SignIn](), "next": next})

    @post("/signin/", public=True, page=True)
    async def sign_in_by_form(
        self, call: Call, form: Form[SignIn], next: Annotated[str, Query] = ""
    ) -> Page | Redirect:
        """Open a session, and go where the person wanted to."""
        if next == "raise":
            raise Fault("unauthenticated", 401, "Nobody.")
        if form.value is None:
            return Page("sign_in.html", {"form": form}, status=422)
        if form.value.password.get_secret_value() != "open sesame":
            return Page("sign_in.html", {"form": form.with_error("", "Name or password is wrong.")}, status=401)
        await self.sessions.open(call, form.value.user)
        return Redirect.back(next, "/")

    @post("/signin/", public=True)
    async def sign_in(self, call: Call, who: SignIn) -> Signed:
        """Open a session."""
        await self.sessions.open(call, who.user)
        return Signed(user=who.user)

    @post("/welcome", public=True, page=True)
    async def welcome(self, call: Call, user: str) -> Page:
        """Open a session and answer with a page at once."""
        await self.sessions.open(call, user)
        return Page("notes.html", {"notes": self.notes, "form": Form[Note](), "mark": ""})

    @post("/signout/", page=True)
    async def sign_out(self, call: Call) -> Redirect:
        """End the session."""
        await self.sessions.close(call)
        return Redirect("/signin/")

    @post("/token", public=True)
    async def token(self, call: Call, user: str) -> Signed:
        """Issue a token."""
        return Signed(user=self.issuer.issue(user))

    @get("/search", public=True, page=True)
    async def search(self, call: Call, form: Form[Search] = EMPTY) -> Page:
        """Look for notes."""
        own = {"x-board": "1", "referrer-policy": "no-referrer"} if form.given["text"] == "headers" else {}
        return Page("search.html", {"form": form}, headers=own)

    @get("/moved", public=True, page=True)
    async def moved(self, call: Call) -> Redirect:
        """Lead elsewhere, to a path that has to be quoted."""
        return Redirect("/é ?x=1#y", status=307, headers={"x-board": "1", "location": "https://evil.example/"})

    @get("/plain.txt", public=True, page=True, produces=("text/plain",))
    async def plain(self, call: Call) -> Text:
        """The notes as a text."""
        return Text("\n".join(self.notes))

    @get("/fails/{how}", public=True, page=True)
    async def fails(self, call: Call, how: str) -> Page:
        """Fail in a way of choice."""
        match how:
            case "declared":
                raise Fault("closed", 409, "The board is <closed>.")
            case "undefined":
                return Page("undefined.html")
            case "header":
                return Page("search.html", {"form": EMPTY}, headers={"x-note": "a\r\nset-cookie: b=c"})
            case "missing":
                return Page("missing.html")
            case _:
                raise RuntimeError("a secret of the board")


class Notice(Service):
    """A service inside another one."""

    @get("/{number}", public=True, page=True)
    async def show(self, call: Call, number: int) -> Page | Redirect:
        """Show one note, or lead to the board."""
        return Page("search.html", {"form": Form.read(Search, {"stars": "4"})}) if number else Redirect("/signin/")


class Hall(Board):
    """The board with notices below it."""

    notices: Notice
