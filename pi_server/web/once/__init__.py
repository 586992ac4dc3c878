"""Requests that must happen only once: how they are told apart, and what is remembered of them."""
