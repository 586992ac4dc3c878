"""Accounts and sign-ins: what is kept, and what travels."""

from datetime import datetime
from typing import Annotated

from pydantic import BaseModel, Field, SecretStr

LONGEST_SENT = 1024
"""Characters of a password that are looked at: more than any policy takes, so that its own answer is given."""

Email = Annotated[str, Field(max_length=320, description="An e-mail address; capitals make no difference.")]
Password = Annotated[SecretStr, Field(max_length=LONGEST_SENT)]


class Account(BaseModel):
    """Kept: who has an account, and the hash of the password."""

    email: str
    password: str
    created: datetime


class SignedIn(BaseModel):
    """Kept until it ends: a session of somebody, under the session's own id."""

    account: str
    opened: datetime
    expires: datetime
    source: str


class Credentials(BaseModel):
    """Sent to sign up and to sign in."""

    email: Email
    password: Password


class PasswordChange(BaseModel):
    """Sent: the password that is, and the one that shall be."""

    current: Password
    new: Password


class Confirmation(BaseModel):
    """Sent to have everything deleted: the password once more."""

    password: Password


class Told(BaseModel):
    """Answered where nothing else may be told."""

    message: str


class Issued(BaseModel):
    """Answered to a program that signed in; also in the cookie ``token``."""

    Token: str


class OpenSession(BaseModel):
    """Answered: where somebody is signed in with a browser, and whether it is the one that asks."""

    id: str
    opened: datetime
    expires: datetime
    source: str
    this: bool


class OpenSessions(BaseModel):
    """Answered: all of them, the latest first."""

    sessions: list[OpenSession]
