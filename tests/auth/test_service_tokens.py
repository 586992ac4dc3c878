"""Service tokens: their form, those of the configuration, and that time tells nothing of them."""

from __future__ import annotations

import random
import re
import time
from collections.abc import Callable
from math import sqrt
from statistics import fmean, variance

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from pi_server.auth.service_tokens import UNKNOWN, ServiceTokens, digest, new_token
from pi_server.config import TokenSection
from pi_server.domain.consumer import EVERYWHERE, Consumer
from pi_server.domain.faults import Unauthenticated
from pi_server.stores.memory import MemoryStore
from tests.auth.token_scene import CONFIGURED, Scene, section


@pytest.fixture
def scene() -> Scene:
    """A worker with one configured token and no record."""
    return Scene(MemoryStore())


# --- of the configuration


def test_a_new_token_has_256_bits_and_its_form() -> None:
    """``pi_`` and 43 URL-safe characters, never the same."""
    tokens = {new_token() for _ in range(1000)}
    assert len(tokens) == 1000
    assert all(re.fullmatch(r"pi_[A-Za-z0-9_-]{43}", token) for token in tokens)


async def test_configured_tokens_never_touch_the_store(scene: Scene) -> None:
    """A configured token, and what cannot be a recorded one, is decided here and at once."""
    scene.switch.away = True
    assert scene.tokens.identify(CONFIGURED) == Consumer("shop", frozenset(), "token")
    for wrong in ("", "x", "pi_", "é" * 46, "\udcff", "\ud800", "pi_" + "x" * 44, "p" * 8000):
        with pytest.raises(Unauthenticated) as refused:
            scene.tokens.identify(wrong)
        assert refused.value.reason == UNKNOWN
    assert scene.switch.asked == 0


@given(st.text(st.characters(codec=None), max_size=60))
def test_no_text_breaks_the_look_up(text: str) -> None:
    """Whatever was shown is a refusal and no other exception."""
    with pytest.raises(Unauthenticated):
        ServiceTokens({"shop": section(CONFIGURED)}).identify(text)


def test_both_tokens_of_a_section_count_until_they_expire() -> None:
    """``sha256`` and ``next_sha256`` have the section's scopes and reach, and end at its moment."""
    now = 1_800_000_000.0
    two = TokenSection.model_validate(
        {
            "sha256": digest("one"),
            "next_sha256": SecretStr(digest("two")),
            "scopes": ["pay"],
            "reach": ["billing"],
            "expires": "2027-01-15T08:00:00Z",  # the moment ``now``
        }
    )
    for token in ("one", "two"):
        consumer = ServiceTokens({"a": two}, wall=lambda: now - 0.001).identify(token)
        assert consumer == Consumer("a", frozenset({"pay"}), "token", frozenset({"billing"}))
        with pytest.raises(Unauthenticated) as expired:
            ServiceTokens({"a": two}, wall=lambda: now).identify(token)
        assert expired.value.reason == "an expired service token of a"


def test_everywhere_stays_the_one_everywhere() -> None:
    """A token without a restriction is recognised by identity, which is what makes asking quick."""
    consumer = ServiceTokens({"a": section("t", reach=("billing", "*"))}).identify("t")
    assert isinstance(consumer, Consumer)
    assert consumer.reach is EVERYWHERE


# --- time tells nothing


def _welch(one: list[int], other: list[int]) -> float:
    """Welch's t, without the slowest tenth on either side: those the machine held up."""
    one, other = (sorted(tries)[: len(tries) * 9 // 10] for tries in (one, other))
    return (fmean(one) - fmean(other)) / sqrt(variance(one) / len(one) + variance(other) / len(other))


def _timings(identify: Callable[[str], object], token: str) -> tuple[list[int], list[int]]:
    """Nanoseconds of 10,000 tries each with 0 and with 31 bytes of the token right, in random order."""
    tries: tuple[list[int], list[int]] = ([], [])
    shown = [(right, token[: 31 * right] + new_token()[31 * right :]) for right in (0, 1) for _ in range(10_000)]
    random.shuffle(shown)
    for right, wrong in shown:
        begin = time.perf_counter_ns()
        try:
            identify(wrong)
        except Unauthenticated:
            tries[right].append(time.perf_counter_ns() - begin)
    return tries


@pytest.mark.slow
def test_time_does_not_tell_how_much_of_a_token_is_right() -> None:
    """Welch's |t| stays below 4.5; chance may exceed it once, a leak exceeds it every time."""
    token = new_token()
    tokens = ServiceTokens({"a": section(token)})
    seen = [abs(_welch(*_timings(tokens.identify, token)))]
    while seen[-1] >= 4.5 and len(seen) < 3:
        seen.append(abs(_welch(*_timings(tokens.identify, token))))
    assert seen[-1] < 4.5, seen


def test_the_timing_test_would_find_a_leak() -> None:
    """A comparison that stops at the first wrong byte is seen."""
    token = new_token()

    def leaky(shown: str) -> None:
        for right, guess in zip(token, shown, strict=True):
            if right != guess:
                raise Unauthenticated

    assert abs(_welch(*_timings(leaky, token))) > 4.5
