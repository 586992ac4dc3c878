"""The mask that the configuration declares, and its use outside the logs: crashes, and trying it out."""

from __future__ import annotations

import sys
import threading
import traceback
from collections import Counter
from types import TracebackType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from pi_server.audit.mask import Mask
    from pi_server.config import Config
    from pi_server.config.log_sections import MaskSection


def credential_cookies(config: Config) -> tuple[str, ...]:
    """The cookies that are credentials, whatever a consumer sends them as."""
    session = (config.sessions.cookie,) if config.sessions.cookie else ("pi-session", "__Host-pi")
    return (*session, *(f"{name}-csrf" for name in session), config.jwt.cookie)


def mask_of(
    section: MaskSection, hit: Callable[[str], None] = lambda _: None, *, cookies: tuple[str, ...] = ()
) -> Mask:
    """The mask of ``logs.mask``, for which ``cookies`` are secret names as well.

    ``hit`` is told the rule for each value that is masked.
    """
    from pi_server.audit.mask import Mask
    from pi_server.audit.mask_rules import MaskRules

    rules = MaskRules(
        json=section.json_paths,
        xpath=section.xpath,
        headers=section.headers,
        form=section.form,
        query=section.query,
        patterns=section.patterns,
        regex=tuple([(one.name, one.match) for one in section.regex]),
    )
    return Mask((*section.names, *cookies), rules, hit=hit)


def shown(body: bytes, content_type: str, section: MaskSection) -> tuple[str, Counter[str]]:
    """What the API log would show for ``body``, and how often each rule hid something."""
    from pi_server.audit.payload import payload_text, truncation

    hits = Counter[str]()
    mask = mask_of(section, lambda rule: hits.update([rule]))
    text = mask.payload(payload_text(body, content_type), content_type)
    return text + truncation(body), hits


class CrashMask:
    """The last resort: what nobody caught, in the program or in a thread, is written to standard error masked."""

    def __init__(self) -> None:
        self.mask: Mask | None = None  # until a configuration is there, the well-known names

    def __call__(self, kind: type[BaseException], error: BaseException | None, trace: TracebackType | None) -> None:
        """Tell of ``error`` as the interpreter would."""
        from pi_server.audit.mask import Mask

        mask = self.mask or Mask()
        text = "".join(traceback.format_exception(kind, error, trace))
        sys.stderr.write(mask.payload(text))

    def in_thread(self, args: threading.ExceptHookArgs) -> None:
        """Tell of what ended a thread."""
        self(args.exc_type, args.exc_value, args.exc_traceback)

    def unraisable(self, args: sys.UnraisableHookArgs) -> None:
        """Tell of what could not be raised, as in ``__del__``."""
        self(args.exc_type, args.exc_value, args.exc_traceback)


def mask_crashes() -> None:
    """Mask what nobody catches; the logs give their own mask to the hook once they are open."""
    hook = CrashMask()
    sys.excepthook, threading.excepthook, sys.unraisablehook = hook, hook.in_thread, hook.unraisable
