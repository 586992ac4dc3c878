"""Which language is told to whom."""

import pytest

from pi_server.domain.languages import chosen

OFFERED = ("en", "fa", "fr", "zh-CN")


@pytest.mark.parametrize(
    ("accepted", "language"),
    [
        ("", "en"),
        ("fa", "fa"),
        ("FR-ca", "fr"),
        ("zh", "zh-CN"),
        ("zh-TW, fr;q=0.9", "zh-CN"),
        ("de, fr;q=0.2, fa;q=0.9", "fa"),
        ("fa;q=0, fr", "fr"),
        ("fa;q=0", "en"),
        ("*", "en"),
        ("fr;q=lots, fa;q=0.1", "fa"),
        (",;,q=;=,", "en"),
        ("x" * 100_000, "en"),
    ],
)
def test_the_best_liked_of_those_there_are(accepted: str, language: str) -> None:
    """By weight and then by order; a dialect stands for its language, and nonsense for nothing."""
    assert chosen(accepted, OFFERED) == language
