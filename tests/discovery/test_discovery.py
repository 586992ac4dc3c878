"""From installed packages to mounted operations, each plugin on its own."""

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from pi_server.config import Config, load
from pi_server.discovery.bind import Binder, ProviderPlan
from pi_server.discovery.entry_points import discover
from pi_server.discovery.gate import check_gate
from pi_server.discovery.importing import import_service
from pi_server.discovery.load import load_plugins
from pi_server.discovery.plugin import Candidate, Plugin, PluginError
from pi_server.web.pages.files import read_page_files

GOOD = """
from pydantic import BaseModel
from pi_server import Call, RestProvider, Service, get


class Nested(Service):
    size: int = 1

    @get("/size", public=True)
    async def read_size(self, call: Call) -> int:
        return self.size


class Good(Service):
    root = "/good"
    greeting: str = "hello"
    limit: int
    shop: RestProvider
    nested: Nested

    @get("/greet", timeout=2)
    async def greet(self, call: Call) -> str:
        return self.greeting
"""

Install = Callable[..., None]


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Install:
    """Put a package with an entry point on the path, as pip would."""
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])

    def put(name: str, source: str, cls: str = "Good", *, requires: str = "", distribution: str = "") -> None:
        package = f"pkg_{name}"
        (tmp_path / package / "files").mkdir(parents=True, exist_ok=True)
        (tmp_path / package / "__init__.py").write_text("")
        (tmp_path / package / "service.py").write_text(source)
        info = tmp_path / f"{distribution or package}-1.2.dist-info"
        info.mkdir()
        needs = f"Requires-Dist: {requires}\n" if requires else ""
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution or package}\nVersion: 1.2\n{needs}")
        (info / "entry_points.txt").write_text(f"[pi_server.services]\n{name} = {package}.service:{cls}\n")
        monkeypatch.delitem(sys.modules, f"{package}.service", raising=False)
        monkeypatch.delitem(sys.modules, package, raising=False)

    return put


async def _build(plan: ProviderPlan) -> object:
    if "endpoint" not in plan.section:
        raise ValueError("no endpoint")
    return plan


async def _load(tmp_path: Path, text: str) -> dict[str, Plugin]:
    file = tmp_path / "config.yaml"
    file.write_text(text)
    loaded = load(file, {})
    plugins = await load_plugins(
        loaded.config, Binder(loaded.config, loaded.origins, _build, lambda plan: plan, read_page_files)
    )
    return {plugin.name: plugin for plugin in plugins}


FULL = "good: {enabled: true, limit: 3, shop: {endpoint: x}, nested: {size: 7}}"


async def test_a_configured_plugin_is_bound(tmp_path: Path, install: Install) -> None:
    """Fields come from the section, providers from their own, nested services from theirs."""
    install("good", GOOD)
    plugin = (await _load(tmp_path, f"services: {{{FULL}}}"))["good"]
    assert plugin.state == "serving"
    assert plugin.bound is not None
    mounts = {mount.operation.name: mount for mount in plugin.bound.mounts}
    assert mounts["greet"].operation.path == "/good/greet"
    assert mounts["greet"].timeout == 2
    assert mounts["greet"].chain == "internal"
    assert mounts["nested.read_size"].operation.path == "/good/nested/size"
    assert mounts["nested.read_size"].chain == "public"
    assert await mounts["nested.read_size"].operation.method(mounts["nested.read_size"].service, None) == 7


async def test_an_installed_plugin_stays_off_until_enabled(tmp_path: Path, install: Install) -> None:
    """Nothing of it is imported: its module would raise."""
    install("sleeping", "raise RuntimeError('imported')")
    assert (await _load(tmp_path, "{}"))["sleeping"].state == "disabled"
    assert (await _load(tmp_path, "services: {sleeping: {enabled: false}}"))["sleeping"].state == "disabled"


def _declaring(what: str, inside: str = "") -> str:
    """The code of a service with one operation, declared by ``what``."""
    imports = "from pi_server import *\nfrom pydantic import BaseModel\n"
    operation = f"    @{what}\n    async def a(self, call: Call) -> None: ...\n"
    return f"{imports}class Good(Service):\n    root = '/x'\n{inside}{operation}"


WITH_LIMITS = """
from pydantic import BaseModel, ConfigDict
from pi_server import Call, Service, get


class Limits(BaseModel):
    model_config = ConfigDict({config})
    most: int = 1


class Good(Service):
    root = "/x"
    limits: Limits

    @get("/a", public=True)
    async def a(self, call: Call) -> int:
        return self.limits.most
"""

BROKEN: list[tuple[str, str, str, str, str, str]] = [
    ("raises", "1 / 0", "", "enabled: true", "import", "ZeroDivisionError: division by zero (pkg_raises/service.py:1)"),
    ("exits", "raise SystemExit(3)", "", "enabled: true", "import", "SystemExit"),
    ("missing_module", "import no_such_module", "", "enabled: true", "import", "no_such_module"),
    ("other_class", "class Good: pass", "", "enabled: true", "import", "not a subclass"),
    ("no_class", "x = 1", "", "enabled: true", "import", "AttributeError"),
    ("from_future", GOOD, "pi-server>=99", "enabled: true", "gate", "needs pi-server>=99"),
    ("unset", GOOD, "", "enabled: true", "bind", "limit"),
    ("wrong", GOOD, "", "enabled: true, limit: many, shop: {endpoint: x}", "bind", "limit"),
    ("misspelt", GOOD, "", "enabled: true, limit: 1, shop: {endpoint: x}, greting: hi", "bind", "greeting"),
    ("no_shop", GOOD, "", "enabled: true, limit: 1", "bind", "shop"),
    ("bad_shop", GOOD, "", "enabled: true, limit: 1, shop: {}", "bind", "no endpoint"),
    (
        "bad_operation",
        GOOD,
        "",
        "enabled: true, limit: 1, shop: {endpoint: x}, operations: {gret: {timeout: 1s}}",
        "bind",
        "greet",
    ),
    ("unguarded", GOOD, "", "enabled: true, limit: 1, shop: {endpoint: x}, chain: public", "bind", "nothing guards"),
    (
        "annotation",
        "from pi_server import Service\nclass Good(Service):\n    root = '/x'\n    a: 'NoSuchType'",
        "",
        "enabled: true",
        "bind",
        "NoSuchType",
    ),
    (
        "empty",
        "from pi_server import Service\nclass Good(Service):\n    root = '/x'",
        "",
        "enabled: true",
        "bind",
        "no operation",
    ),
    ("no_path", _declaring("get"), "", "enabled: true", "import", '@get needs a path: @get("/...") (pkg_no_path/'),
    ("option", _declaring("get('/a', timout=1)"), "", "enabled: true", "import", "get() got an unexpected keyword"),
    (
        "seconds",
        _declaring("get('/a', timeout='1')"),
        "",
        "enabled: true",
        "bind",
        "timeout must be a number",
    ),
    (
        "types",
        _declaring("get('/a', consumes='a/b')"),
        "",
        "enabled: true",
        "bind",
        "consumes must be a tuple of content",
    ),
    (
        "own_types",
        _declaring("get('/a')", "    produces = 'text/plain'\n"),
        "",
        "enabled: true",
        "bind",
        "Good.produces must be a tuple of content types",
    ),
    (
        "post_init",
        _declaring("get('/a')", "    def __post_init__(self) -> None:\n        raise RuntimeError('no')\n"),
        "",
        "enabled: true",
        "bind",
        "RuntimeError: no (pkg_post_init/service.py:6)",
    ),
    ("inner", WITH_LIMITS.format(config=""), "", "enabled: true, limits: {mots: 2}", "bind", "limits.mots"),
    (
        "rootless",
        "from pi_server import *\nclass Good(Service):\n    @get('/a')\n    async def a(self, call: Call) -> None: ...",
        "",
        "enabled: true",
        "bind",
        "root",
    ),
]


@pytest.mark.parametrize("broken", BROKEN, ids=[broken[0] for broken in BROKEN])
async def test_a_broken_plugin_takes_down_only_itself(
    tmp_path: Path, install: Install, broken: tuple[str, str, str, str, str, str]
) -> None:
    """It is listed with the phase and the reason; the good one beside it serves."""
    name, source, requires, section, phase, reason = broken
    install("good", GOOD)
    install(name, source, requires=requires)
    plugins = await _load(tmp_path, f"services: {{{name}: {{{section}}}, {FULL}}}")
    assert plugins["good"].state == "serving"
    assert plugins[name].state == "failed"
    assert {failure.phase for failure in plugins[name].failures} == {phase}
    assert reason in "; ".join(map(str, plugins[name].failures))


async def test_a_model_decides_for_itself_what_becomes_of_unknown_keys(tmp_path: Path, install: Install) -> None:
    """One that says so takes them; others refuse them, as the section of the service does."""
    install("good", WITH_LIMITS.format(config="extra='ignore'"))
    plugin = (await _load(tmp_path, "services: {good: {enabled: true, limits: {most: 2, more: 3}}}"))["good"]
    assert plugin.bound is not None
    [mount] = plugin.bound.mounts
    assert await mount.operation.method(mount.service, None) == 2


async def test_of_two_equal_roots_the_first_in_the_file_keeps_it(tmp_path: Path, install: Install) -> None:
    """The second is refused, naming the owner."""
    install("good", GOOD)
    install("twin", GOOD)
    section = "{enabled: true, limit: 3, shop: {endpoint: x}}"
    plugins = await _load(tmp_path, f"services: {{twin: {section}, good: {section}}}")
    assert (plugins["twin"].state, plugins["good"].state) == ("serving", "failed")
    assert "twin" in plugins["good"].failures[0].reason


async def test_a_name_nobody_or_two_offer_is_refused(tmp_path: Path, install: Install) -> None:
    """Taking any of two would be a guess."""
    install("good", GOOD)
    install("good", GOOD, distribution="another")
    plugins = await _load(tmp_path, f"services: {{{FULL}, absent: {{enabled: true}}}}")
    assert "several packages" in plugins["good"].failures[0].reason
    assert "no installed package" in plugins["absent"].failures[0].reason


FAULTY = [
    ("faults: [{when: {kind: never}, then: {}}]", "1: faults.0.when.kind: must be 'unreachable'"),
    (
        "faults:\n  - when: {statuz: 1}\n    then: {}",
        "2: faults.0.when.statuz: unknown key; did you mean faults.0.when.status?",
    ),
    (
        "faults:\n  - when: {}\n    then: {cod: a}",
        "3: faults.0.then.cod: unknown key; did you mean faults.0.then.code?",
    ),
    ("faults:\n  - when: {at: code}\n    then: {}", "2: faults.0.when.at: must be an XPath"),
    (
        "faults:\n  - when: {provider: shp}\n    then: {code: a, status: 400, message: m}",
        "2: faults.0.when.provider: the service has no provider shp; did you mean shop?",
    ),
    ("faults:\n  - [", "2: is not valid YAML"),
    ("faults: []\nfaults: []", "2: faults: given twice"),
    ("\xff", " cannot be read"),
]


@pytest.mark.parametrize(("text", "told"), FAULTY)
async def test_a_malformed_fault_map_fails_its_plugin(tmp_path: Path, install: Install, text: str, told: str) -> None:
    """Rules are checked when bound, not when the provider first fails; each mistake is told by its line."""
    install("good", GOOD)
    (tmp_path / "pkg_good" / "files" / "faults.yaml").write_text(text, "latin-1")
    plugin = (await _load(tmp_path, f"services: {{{FULL}}}"))["good"]
    assert f"bind: files/faults.yaml:{told}" in "\n".join(map(str, plugin.failures))


def test_discovery_imports_nothing(install: Install) -> None:
    """Names, distributions and versions are known from metadata."""
    install("raises", "1 / 0")
    [candidate] = discover()["raises"]
    assert (candidate.distribution, candidate.version) == ("pkg_raises", "1.2")
    assert "pkg_raises.service" not in sys.modules


def test_an_import_that_hangs_is_left_behind(install: Install) -> None:
    """The limit passes and the server goes on."""
    install("hangs", "import time\ntime.sleep(3)")
    with pytest.raises(PluginError, match="did not finish"):
        import_service(discover()["hangs"][0], limit=0.2)


@pytest.mark.parametrize(
    ("requires", "running", "let_in"),
    [
        ("pi-server>=0.1", "0.1.0", True),
        ("pi_server<1", "0.9.dev1", True),
        ("aiohttp>=99", "0.1.0", True),
        ("not a requirement!!", "0.1.0", True),
        ("pi-server>=2", "1.9", False),
        ("Pi.Server==1.*", "2.0", False),
    ],
)
def test_the_gate_compares_versions(requires: str, running: str, let_in: bool) -> None:
    """Only the requirement on pi-server counts, however it is spelt."""
    candidate = Candidate("x", "x:X", "x", "1", (requires,))
    if let_in:
        check_gate(candidate, running)
    else:
        with pytest.raises(PluginError, match="needs pi-server"):
            check_gate(candidate, running)


def test_the_default_configuration_guards_everything() -> None:
    """Without a word in the file, an operation stands behind the token."""
    assert Config().chains["internal"] == ("token",)
