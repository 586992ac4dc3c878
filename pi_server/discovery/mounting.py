"""The operations of a service with the settings that hold for each."""

import difflib
import re
from collections.abc import Iterator
from dataclasses import fields, replace
from typing import Any, cast

from pi_server.config import Config, OperationSection, ServiceSection
from pi_server.config.consumer_sections import CREDENTIALS
from pi_server.discovery.once import not_once
from pi_server.discovery.options import odd_option
from pi_server.domain.mount import Mount
from pi_server.domain.operation import Operation, operations_of
from pi_server.domain.service import Service


class Mounting:
    """Mounts one plugin: what its section says first, then its declarations, then what holds for the whole server."""

    def __init__(self, config: Config, name: str, section: ServiceSection, service: Service) -> None:
        """Take a complete instance and the settings of ``services.<name>``; ``root`` is where its paths begin."""
        self.root = section.root or type(service).root
        self._config = config
        self._name = name
        self._section = section
        self._service = service

    def mounts(self) -> tuple[Mount, ...]:
        """All operations, those of nested services below the path of their field."""
        return tuple(self._below(self._service, self.root, ""))

    def _below(self, service: Service, path: str, prefix: str) -> Iterator[Mount]:
        for operation in operations_of(type(service)):
            yield self._mount(service, path, operation, f"{prefix}{operation.name}")
        for field in fields(cast("Any", service)):
            inner = getattr(service, field.name)
            if isinstance(inner, Service):
                below = path.rstrip("/") + (type(inner).root or f"/{field.name}")
                yield from self._below(inner, below, f"{prefix}{field.name}.")

    def _mount(self, service: Service, path: str, operation: Operation, name: str) -> Mount:
        own = self._section.operations.get(name, OperationSection())
        template = path.rstrip("/") + ("/" + operation.path.strip("/")).rstrip("/")
        default_chain = self._section.chain or ("public" if operation.public else "internal")
        return Mount(
            service=service,
            operation=replace(
                operation,
                path=template or "/",
                name=name,
                service=self._name,
                api_name=lower_camel(self._name),
            ),
            root=self.root,
            chain=own.chain or operation.chain or default_chain,
            realm=self._section.realm or self._name,
            timeout=own.timeout or operation.timeout or self._section.timeout or self._config.server.timeout,
            envelope=self._section.envelope or self._config.server.envelope,
            sign_in_page=self._sign_in_page(service) if operation.page else "",
        )

    def _sign_in_page(self, service: Service) -> str:
        """The whole path of a service's own page or the plugin's."""
        page = type(service).sign_in_page or type(self._service).sign_in_page
        return page and self.root.rstrip("/") + page

    def problems(self, mounts: tuple[Mount, ...]) -> Iterator[tuple[str, str]]:
        """What cannot be served as configured or declared: the key and the reason."""
        at = f"services.{self._name}"
        if not mounts:
            yield at, "the service declares no operation"
        elif not mounts[0].operation.path.startswith("/") or not mounts[0].root:
            yield f"{at}.root", "is missing: neither the plugin nor the configuration names a root path"
        known = [mount.operation.name for mount in mounts]
        for name in self._section.operations:
            if name not in known:
                close = difflib.get_close_matches(name, known, 1)
                meant = f"; did you mean {close[0]}?" if close else ""
                yield f"{at}.operations.{name}", f"unknown operation{meant}"
        yield from ((at, f"the sign-in page {page} is no public page of this service") for page in _closed(mounts))
        for mount in mounts:
            if reason := odd_option(mount) or self._unguarded(mount) or not_once(mount):
                yield at, f"the operation {mount.operation.name} {reason}"

    def _unguarded(self, mount: Mount) -> str:
        links = self._config.chains.get(mount.chain)
        if links is None:
            return f"names the chain {mount.chain}, which does not exist"
        if not mount.operation.public and not {*links} & {*CREDENTIALS}:
            return f"is not public, and nothing guards it in the chain {mount.chain}"
        return ""


def _closed(mounts: tuple[Mount, ...]) -> list[str]:
    """The sign-in pages that nobody could see without having signed in."""
    public = {m.operation.path for m in mounts if m.operation.page and m.operation.public and m.operation.verb == "GET"}
    return sorted(page for page in {m.sign_in_page for m in mounts} - {""} if page.rstrip("/") not in public)


def lower_camel(name: str) -> str:
    """``account_withdrawal`` as the API log spells it: ``accountWithdrawal``."""
    return re.sub(r"_+([a-z0-9])", lambda match: match[1].upper(), name)
