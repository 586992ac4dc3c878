"""Signing up, in and out for people: forms in, pages out."""

from typing import Any

from pi_accounts.account_operations import AccountOperations
from pi_accounts.faults import InvalidEmail, InvalidPassword, TooManySignIns, WrongSignIn
from pi_accounts.forms import SignInForm
from pi_accounts.model import Confirmation, Credentials, PasswordChange
from pi_accounts.shown import SENTENCES, session_rows
from pi_server import Call, Fault, get, post
from pi_server.pages import Form, Page, Redirect

_SEE = "Please correct what is marked below."


class AccountPages(AccountOperations):
    """The pages of an account."""

    sign_in_page = "/signin/"

    @get("/", page=True)
    async def home(self, call: Call) -> Redirect:
        """Begin with the records."""
        return Redirect("/records/")

    @get("/signup", public=True, page=True)
    async def sign_up_page(self, call: Call) -> Page:
        """Show the form to sign up."""
        return Page("sign_up.html", {"form": Form[Credentials](), "who": ""})

    @post("/signup", public=True, page=True)
    async def sign_up_by_form(self, call: Call, form: Form[Credentials]) -> Page | Redirect:
        """Sign up; what comes next does not tell whether the address had an account before."""
        for fault in self.people.faults(form.value.email, form.value.password) if form.value else ():
            form = form.with_error("email" if isinstance(fault, InvalidEmail) else "password", fault.message)
        if form.value and not form.errors:
            await self.people.sign_up(form.value.email, form.value.password)
            return Redirect("/signin/?done=signed-up")
        return Page("sign_up.html", {"form": form, "who": ""}, status=422)

    @get("/signin", public=True, page=True)
    async def sign_in_form(self, call: Call, next: str = "", done: str = "") -> Page:
        """Show the form to sign in."""
        context = {"form": Form[SignInForm](given={"next": next}), "who": "", "done": SENTENCES.get(done, "")}
        return Page("sign_in.html", context)

    @post("/signin", public=True, page=True)
    async def sign_in_by_form(self, call: Call, form: Form[SignInForm]) -> Page | Redirect:
        """Sign in: a session, in the place of a token that the browser may have."""
        if form.value is None:
            return _again("sign_in.html", form, _SEE, status=422)
        try:
            await self._entered(call, await self.people.prove(call, form.value.email, form.value.password))
        except (WrongSignIn, TooManySignIns) as fault:
            return _again("sign_in.html", form, fault.message, fault)
        there = Redirect.back(form.value.next, "/records/").to
        return Redirect(there, headers={"Set-Cookie": self.issuer.cookie("")})

    @post("/signout", page=True)
    async def sign_out_by_form(self, call: Call) -> Redirect:
        """Sign this browser out."""
        await self._leave(call)
        return self._gone("signed-out")

    @get("/password", page=True)
    async def password_page(self, call: Call) -> Page:
        """Show the form for another password."""
        return Page("password.html", {"form": Form[PasswordChange](), "who": await self._who(call)})

    @post("/password", page=True)
    async def password_by_form(self, call: Call, form: Form[PasswordChange]) -> Page | Redirect:
        """Change the password; this browser stays signed in, and no other does."""
        status = 422
        if form.value:
            try:
                await self._entered(call, await self._changed(call, form.value))
                return Redirect("/sessions/?done=password")
            except (WrongSignIn, TooManySignIns) as fault:
                form, status = form.with_error("current", _of_password(fault)), fault.status
            except InvalidPassword as fault:
                form = form.with_error("new", fault.message)
        return Page("password.html", {"form": form, "who": await self._who(call)}, status=status)

    @get("/delete", page=True)
    async def delete_page(self, call: Call) -> Page:
        """Ask whether everything shall be deleted."""
        return Page("delete.html", {"form": Form[Confirmation](), "who": await self._who(call)})

    @post("/delete", page=True)
    async def delete_by_form(self, call: Call, form: Form[Confirmation]) -> Page | Redirect:
        """Delete everything."""
        status = 422
        if form.value:
            try:
                await self._delete(call, form.value)
                return self._gone("deleted")
            except (WrongSignIn, TooManySignIns) as fault:
                form, status = form.with_error("password", _of_password(fault)), fault.status
        return Page("delete.html", {"form": form, "who": await self._who(call)}, status=status)

    @get("/sessions", page=True)
    async def sessions_page(self, call: Call, done: str = "") -> Page:
        """Show where somebody is signed in."""
        rows = session_rows((await self.list_sessions(call)).sessions)
        return Page("sessions.html", {"rows": rows, "who": await self._who(call), "done": SENTENCES.get(done, "")})

    @post("/sessions/{session_id}/end", page=True)
    async def end_session_by_form(self, call: Call, session_id: str) -> Redirect:
        """End one session."""
        await self.end_session(call, session_id)
        return self._gone("signed-out") if session_id == call.consumer.sign_in else Redirect("/sessions/?done=ended")

    @post("/sessions/end", page=True)
    async def end_sessions_by_form(self, call: Call) -> Redirect:
        """End all sessions and tokens."""
        await self._end_all(call)
        return self._gone("signed-out")

    async def _who(self, call: Call) -> str:
        """The address of who is signed in with this browser, for the head of the page."""
        session = await self.sessions.current(call)
        return str(session.data.get("email", "")) if session else ""

    def _gone(self, done: str) -> Redirect:
        """To the sign-in page, which tells what was done."""
        return Redirect(f"/signin/?done={done}", headers={"Set-Cookie": self.issuer.cookie("")})


def _again(template: str, form: Form[Any], text: str, fault: Fault | None = None, status: int = 200) -> Page:
    """The same page once more, with what is wrong above the form."""
    context = {"form": form.with_error("", text), "who": "", "done": ""}
    return Page(template, context, status=fault.status if fault else status, headers=fault.headers if fault else {})


def _of_password(fault: Fault) -> str:
    return "This is not your password." if isinstance(fault, WrongSignIn) else fault.message
