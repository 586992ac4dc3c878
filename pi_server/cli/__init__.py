"""The command line: one verb per file, each importing what it needs only when it runs, so that `run` starts quickly."""

from typing import Annotated

import typer

from pi_server.cli.check import check
from pi_server.cli.config_explain import explain
from pi_server.cli.instances import list_processes, monitor, reload, stop_server
from pi_server.cli.logs import logs
from pi_server.cli.mask import mask_test
from pi_server.cli.new import new
from pi_server.cli.plugin_doctor import doctor
from pi_server.cli.plugin_list import list_plugins
from pi_server.cli.providers import close_breaker, list_providers, open_breaker
from pi_server.cli.routes import routes
from pi_server.cli.run import run
from pi_server.cli.service import disable, enable, list_services, quarantine, release, reload_service
from pi_server.cli.startup import startup
from pi_server.cli.token import create, list_tokens, revoke, rotate

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
app.command()(run)
app.command()(check)
app.command()(routes)
app.command()(logs)
app.command("ps")(list_processes)
app.command()(reload)
app.command("stop")(stop_server)
app.command()(monitor)
app.command()(startup)
app.command()(new)

plugin = typer.Typer(help="See which plugins there are, and what ails them.", no_args_is_help=True)
plugin.command("list")(list_plugins)
plugin.command()(doctor)
app.add_typer(plugin, name="plugin")

config = typer.Typer(help="See the configuration in effect.", no_args_is_help=True)
config.command()(explain)
app.add_typer(config, name="config")

providers = typer.Typer(help="See how it stands with each provider of a running server; work its breaker by hand.")
providers.callback(invoke_without_command=True)(list_providers)
providers.command("open")(open_breaker)
providers.command("close")(close_breaker)
app.add_typer(providers, name="providers")

service = typer.Typer(help="Switch one service of a running server on, off or over.", no_args_is_help=True)
service.command("list")(list_services)
service.command()(enable)
service.command()(disable)
service.command("reload")(reload_service)
service.command()(quarantine)
service.command()(release)
app.add_typer(service, name="service")

token = typer.Typer(help="Make, list and end the service tokens of consumers.", no_args_is_help=True)
token.command()(create)
token.command("list")(list_tokens)
token.command()(rotate)
token.command()(revoke)
app.add_typer(token, name="token")

mask = typer.Typer(help="See what the logs would hide.", no_args_is_help=True)
mask.command("test")(mask_test)
app.add_typer(mask, name="mask")


def _tell_version(asked: bool) -> None:
    if asked:
        from pi_server.version import VERSION

        typer.echo(f"pi-server {VERSION}")
        raise typer.Exit


@app.callback(invoke_without_command=True)
def pi_server(
    context: typer.Context,
    *,
    version: Annotated[
        bool, typer.Option("--version", callback=_tell_version, is_eager=True, help="Tell the version and exit.")
    ] = False,
) -> None:
    """Stand between consumers that want one REST API and providers that speak SOAP or REST."""
    if context.invoked_subcommand is None and not version:
        typer.echo(context.get_help())


def main() -> None:
    """The entry of the console script; ends the process."""
    from pi_server.server.masking import mask_crashes

    mask_crashes()
    app(prog_name="pi-server")
