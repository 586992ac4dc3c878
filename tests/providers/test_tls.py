"""Providers that speak TLS: whom the transport trusts, and what it shows of itself."""

import ssl
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import trustme
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    load_pem_private_key,
)

from pi_server.audit.mask import Mask
from pi_server.domain.call import Call
from pi_server.domain.certificate import Certificate
from pi_server.domain.exchange import Endpoint, Exchange
from pi_server.domain.faults import ProviderFault
from pi_server.domain.message import WireRequest, WireResponse
from pi_server.domain.standing import Standing
from pi_server.providers.settings import RestSettings
from pi_server.providers.tls import open_tls
from pi_server.providers.transport import HttpTransport
from tests.canaries import canary
from tests.parts.rest_provider import whole
from tests.parts.small_server import answering


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    """An authority that only these tests know."""
    return trustme.CA()


def _bank(authority: trustme.CA, name: str, *, demanding: bool = False) -> AbstractAsyncContextManager[str]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    # trustme also takes a context of pyOpenSSL, whose types are not here
    authority.issue_cert(name).configure_cert(context)  # pyright: ignore[reportUnknownMemberType]
    if demanding:
        authority.configure_trust(context)  # pyright: ignore[reportUnknownMemberType]
        context.verify_mode = ssl.CERT_REQUIRED
    return answering(lambda asked: whole(b"{}"), context)


@pytest.fixture(params=["localhost", "elsewhere.example"])
async def bank(request: pytest.FixtureRequest, authority: trustme.CA) -> AsyncIterator[str]:
    """A provider whose certificate is for the name of the parameter; its address."""
    async with _bank(authority, request.param) as url:
        yield url


@pytest.fixture
async def demanding(authority: trustme.CA) -> AsyncIterator[str]:
    """A provider that lets in only who shows a certificate of the authority; its address."""
    async with _bank(authority, "localhost", demanding=True) as url:
        yield url


@pytest.fixture
def files(authority: trustme.CA, tmp_path: Path) -> Path:
    """A package's directory, with the authority's certificate and one of ours."""
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    ours = authority.issue_cert("us@consumer.example", common_name="us")
    ours.private_key_and_cert_chain_pem.write_to_path(str(tmp_path / "us.pem"))
    ours.private_key_pem.write_to_path(str(tmp_path / "us.key"))
    ours.cert_chain_pems[0].write_to_path(str(tmp_path / "us.crt"))
    return tmp_path


async def _ask(url: str, files: Path, **section: Any) -> WireResponse:
    settings = RestSettings.model_validate({"endpoint": url, **section})
    transport = HttpTransport(settings, open_tls(settings, files).context)
    try:
        return await transport.send(Exchange(Call(), Endpoint(url, "", ""), WireRequest("GET", f"{url}/x")))
    finally:
        await transport.close()


@pytest.mark.parametrize("bank", ["localhost"], indirect=True)
async def test_a_provider_of_the_configured_authority_is_trusted(bank: str, files: Path) -> None:
    """``ca`` names the certificates to trust."""
    assert (await _ask(bank, files, ca="ca.pem")).status == 200


async def test_an_unknown_authority_is_unreachable(bank: str, files: Path) -> None:
    """Without ``ca`` the system's authorities count, and nothing is sent to anybody else."""
    with pytest.raises(ProviderFault) as caught:
        await _ask(bank, files)
    assert caught.value.kind == "unreachable"
    assert "certificate" in caught.value.reason.lower()


@pytest.mark.parametrize("bank", ["elsewhere.example"], indirect=True)
async def test_a_certificate_for_another_name_is_unreachable(bank: str, files: Path) -> None:
    """A trusted authority is not enough: the certificate must be this provider's."""
    with pytest.raises(ProviderFault) as caught:
        await _ask(bank, files, ca="ca.pem")
    assert caught.value.kind == "unreachable"


async def test_any_certificate_is_accepted_only_under_a_long_name(bank: str, files: Path) -> None:
    """The one way to trust everybody is spelled out, and is told as a warning."""
    assert (await _ask(bank, files, unsafe_accept_any_certificate=True)).status == 200
    settings = RestSettings(endpoint=bank, unsafe_accept_any_certificate=True)
    assert open_tls(settings, files).cautions == ("unsafe_accept_any_certificate: anybody can pose as this provider",)


@pytest.mark.parametrize(
    "shown",
    [{"certificate": "us.pem"}, {"certificate": "us.crt", "certificate_key": "us.key"}],
    ids=["one file", "two files"],
)
async def test_the_client_certificate_is_shown(demanding: str, files: Path, shown: dict[str, str]) -> None:
    """A provider that demands a certificate lets in who shows one, and nobody else."""
    assert (await _ask(demanding, files, ca="ca.pem", **shown)).status == 200
    with pytest.raises(ProviderFault):
        await _ask(demanding, files, ca="ca.pem")


async def test_certificate_and_key_may_be_given_themselves(demanding: str, files: Path) -> None:
    """A value of secrets/ is PEM text: both in one, or each in its own key."""
    both, certificate, key = ((files / name).read_text().strip() for name in ("us.pem", "us.crt", "us.key"))
    assert (await _ask(demanding, files, ca="ca.pem", certificate=both)).status == 200
    assert (await _ask(demanding, files, ca="ca.pem", certificate=certificate, certificate_key=key)).status == 200


async def test_a_locked_key_needs_its_password(demanding: str, files: Path) -> None:
    """The password unlocks the key; without it, or with another, the reason holds neither of them."""
    secret = canary()
    key = load_pem_private_key((files / "us.key").read_bytes(), None)
    lock = BestAvailableEncryption(secret.encode())
    (files / "locked.key").write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, lock))
    section = {"ca": "ca.pem", "certificate": "us.crt", "certificate_key": "locked.key"}
    assert (await _ask(demanding, files, **section, certificate_password=secret)).status == 200
    for wrong in ({}, {"certificate_password": canary()}):
        with pytest.raises(ValueError, match=r"^certificate: cannot be used with its key and password \(") as caught:
            await _ask(demanding, files, **section, **wrong)
        assert "CANARY" not in str(caught.value)
        assert Mask().payload(str(caught.value)) == str(caught.value)  # no log takes the reason for a password


@pytest.mark.parametrize(
    "wrong",
    [
        {"certificate": "none.pem"},
        {"certificate": "us.crt"},
        {"certificate": "us.crt", "certificate_key": "none.key"},
        {"certificate": "us.crt", "certificate_key": "CANARY0 is no key"},
        {"certificate": "-----BEGIN CERTIFICATE-----\nCANARY0\n-----END CERTIFICATE-----"},
        {"certificate": "-----BEGIN CERTIFICATE-----\n" + "CANARY0\n" * 10_000},
    ],
)
def test_what_cannot_be_shown_is_told_before_the_first_call(files: Path, wrong: dict[str, str]) -> None:
    """A missing, foreign or broken certificate or key is an error at start that repeats nothing of it."""
    with pytest.raises(ValueError, match=r"^certificate: cannot be used") as caught:
        open_tls(RestSettings.model_validate({"endpoint": "https://bank.example", **wrong}), files)
    assert "CANARY" not in str(caught.value)


def test_a_bundle_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    """A missing or wrong certificate file is an error before the first call."""
    (tmp_path / "no.pem").write_text("nonsense")
    for name in ("none.pem", "no.pem"):
        with pytest.raises(ValueError, match=f"ca: cannot read certificates from .*{name}"):
            open_tls(RestSettings(endpoint="https://bank.example", ca=Path(name)), tmp_path)


def test_the_end_of_each_certificate_is_known(authority: trustme.CA, files: Path) -> None:
    """Both certificates are told with whose they are and when they end, to whoever looks at the provider."""
    end = datetime(2031, 5, 6, tzinfo=UTC)
    ours = authority.issue_cert("us@consumer.example", common_name="us", not_after=end)
    ours.private_key_and_cert_chain_pem.write_to_path(str(files / "us.pem"))
    settings = RestSettings(endpoint="https://bank.example", ca=Path("ca.pem"), certificate="us.pem")
    root, own = open_tls(settings, files).certificates
    assert (root.key, own.key, own.end) == ("ca", "certificate", end)
    assert "CN=us" in own.subject
    assert "trustme" in root.subject
    assert root.end > datetime.now(UTC)


def test_an_end_within_thirty_days_is_warned_of() -> None:
    """A certificate is told of from thirty days before its end, and after it."""
    now = datetime(2030, 1, 31, 12, tzinfo=UTC)
    days = (31, 30, 1, -1)
    certificates = tuple(Certificate("ca", f"in {day}", now + timedelta(days=day)) for day in days)
    assert Standing(Endpoint("", "", ""), certificates=certificates, cautions=("unsafe",)).warnings(now) == [
        "unsafe",
        "ca: the certificate of in 30 ends on 2030-03-02",
        "ca: the certificate of in 1 ends on 2030-02-01",
        "ca: the certificate of in -1 ended on 2030-01-30",
    ]


def test_nothing_is_read_where_nothing_is_named() -> None:
    """A provider without any of these keys keeps the system's authorities, and has nothing to warn of."""
    tls = open_tls(RestSettings(endpoint="https://bank.example"), Path())
    assert (tls.context, tls.certificates, tls.cautions) == (True, (), ())
