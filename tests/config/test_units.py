"""Times and sizes: what is read, what is refused, and how they are written back."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from pi_server.config import Duration, Size

DURATION: TypeAdapter[float] = TypeAdapter(Duration)
SIZE: TypeAdapter[int] = TypeAdapter(Size)


@pytest.mark.parametrize(
    ("written", "seconds"),
    [
        ("3s", 3),
        ("500ms", 0.5),
        ("2m", 120),
        ("1h", 3600),
        ("1.5", 1.5),
        (" .5 s ", 0.5),
        (7, 7),
        (0.25, 0.25),
        ("24h", 86400),
    ],
)
def test_a_time_is_read_with_or_without_its_unit(written: object, seconds: float) -> None:
    """Text with a unit, bare text and numbers all mean seconds."""
    assert DURATION.validate_python(written) == pytest.approx(seconds)


@pytest.mark.parametrize(
    "written",
    [
        "",
        "s",
        "0",
        "-1s",
        "3 days",
        "1e3",
        "25h",
        "٣s",
        "9" * 5000,
        0,
        -1,
        86401,
        10**400,
        float("nan"),
        float("inf"),
        True,
        None,
        [],
        "3s\n4s",
    ],
)
def test_what_is_no_time_is_refused_in_one_sentence(written: object) -> None:
    """Zero, negative, endless, huge and foreign values get the same clear message."""
    with pytest.raises(ValidationError, match="must be a time such as 500ms, 3s, 2m") as caught:
        DURATION.validate_python(written)
    assert "\n" not in caught.value.errors()[0]["msg"]


@pytest.mark.parametrize(
    ("written", "count"), [("2MiB", 2**21), ("64KiB", 65536), ("1GiB", 2**30), ("12", 12), ("5 B", 5), (9, 9)]
)
def test_a_size_is_read_with_or_without_its_unit(written: object, count: int) -> None:
    """Text with a unit, bare text and whole numbers all mean bytes."""
    assert SIZE.validate_python(written) == count


@pytest.mark.parametrize(
    "written", ["", "MiB", "1.5MiB", "-1", "2MB", "2 TiB", "9" * 5000, 0, -1, 2**40 + 1, 1.5, True, None]
)
def test_what_is_no_size_is_refused_in_one_sentence(written: object) -> None:
    """Fractions, zero, negative and unknown units get the same clear message."""
    with pytest.raises(ValidationError, match="must be a size such as 64KiB"):
        SIZE.validate_python(written)


@given(st.floats(min_value=1e-6, max_value=86400))
def test_a_time_written_back_means_the_same(seconds: float) -> None:
    """What explain prints can be pasted into the file again."""
    written = DURATION.dump_python(seconds, mode="json")
    assert DURATION.validate_python(written) == pytest.approx(seconds, rel=1e-9)


@given(st.integers(min_value=1, max_value=2**40))
def test_a_size_written_back_means_the_same(count: int) -> None:
    """What explain prints can be pasted into the file again."""
    assert SIZE.validate_python(SIZE.dump_python(count, mode="json")) == count


def test_the_schemas_admit_numbers_and_text() -> None:
    """A JSON Schema of a model with times and sizes says both forms."""
    for adapter in (DURATION, SIZE):
        assert {one["type"] for one in adapter.json_schema()["anyOf"]} >= {"string"}
