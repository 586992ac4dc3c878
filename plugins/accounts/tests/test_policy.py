"""Which addresses and passwords are taken."""

import pytest
from zxcvbn.frequency_lists import FREQUENCY_LISTS

from pi_accounts.policy import LONGEST, SHORTEST, address, objection

ANN = "ann.smith@example.com"
GOOD = [
    "correct horse battery staple",
    "ein langer Satz über Käse",
    "пароль из трёх слов",
    "長い合言葉は覚えやすいのです。",
    "x7#" + "kQ9 vv" * 20 + "end",
]


@pytest.mark.parametrize("password", GOOD)
def test_words_of_any_script_are_a_password(password: str) -> None:
    """No kind of character is asked for, and none is refused."""
    assert objection(password, ANN) == ""


@pytest.mark.parametrize(("length", "taken"), [(0, False), (14, False), (15, True), (128, True), (129, False)])
def test_a_password_has_15_to_128_characters(length: int, taken: bool) -> None:
    """Whatever they are made of: neither bytes nor halves of letters are counted."""
    for letters in ("q7wz!km3Rvb9 xTe", "жяфцюшйъщгдлбпэи", "é" + "abcdfghijklmnop"):
        many = "".join(letters[n * 7 % 16] + chr(0x4E00 + n) for n in range(length))[:length]
        assert (objection(many, ANN) == "") is taken
    assert (SHORTEST, LONGEST) == (15, 128)


def test_letters_are_counted_as_composed() -> None:
    """Typed as letter and accent or as one: the same password, with the same length."""
    assert objection("e\u0301" * 7 + "abcdefg", ANN).startswith("A password has at least")
    composed, typed = "caf\u00e9 au lait froid", "cafe\u0301 au lait froid"
    assert objection(composed, ANN) == objection(typed, ANN) == ""


def test_every_common_password_is_refused() -> None:
    """All 30,000 of them: most are too short already, and in capitals or with signs around they are no better."""
    common = FREQUENCY_LISTS["passwords"]
    assert len(common) >= 3000
    for password in common:
        assert objection(password, ANN)
        assert objection(f"{password}{'!' * 15}", ANN)
        if len(password) >= SHORTEST:
            assert objection(password.upper(), ANN)


@pytest.mark.parametrize(
    "password",
    [
        "a" * 20, "passwordpassword", "PasswordPassword", "1231231231231231", "ab1ab1ab1ab1ab1ab", "qwertyuqwertyuqwer",
        "ann.smith@example.com", "AnnSmith 1234567", "smith-example-7777", "ann smith monkey", "medical records!",
        "example.com/accounts", "accounts 1234567", "Clinic-of-Tehran-1",
    ],
)  # fmt: skip
def test_what_others_try_first_is_refused(password: str) -> None:
    """A piece over and over, words of the address or the site, and these with a common password."""
    assert objection(password, ANN, ("clinic", "Tehran"))


def test_no_text_keeps_the_server_busy() -> None:
    """Not one made to have many readings, as estimates of strength have them."""
    for text in ("4@8({[<369&#!1/|0$57+%2" * 44, "aab" * 340 + "c", "annsmith" * 128, "\0" * 1024):
        assert objection(text[:1024], ANN)


@pytest.mark.parametrize(
    ("text", "found"),
    [("Ann@Example.com", "ann@example.com"), ("  a.b+c@x-y.example.org ", "a.b+c@x-y.example.org"), ("é@exämple.fr",
    "é@exämple.fr")],
)  # fmt: skip
def test_an_address_has_one_spelling(text: str, found: str) -> None:
    """Capitals and spaces around make no difference."""
    assert address(text) == found


@pytest.mark.parametrize(
    "text",
    ["", "ann", "@example.com", "ann@", "ann@example", "ann@@example.com", "a b@example.com", "ann@-x.com",
    "ann@x..com",
     "ann@example.com\nbcc: x@y.zz", "ann\0@example.com", "<ann@example.com>", "ann@1.2.3.4", "a" * 65 + "@example.com",
     "ann@" + "x." * 200 + "com", '{"$gt": ""}'],
)  # fmt: skip
def test_what_is_no_address_is_none(text: str) -> None:
    """Nothing with a line break, an operator or two signs passes for one."""
    assert address(text) is None
