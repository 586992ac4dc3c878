"""The command line: one verb per file, each importing what it needs only when it runs, so that `run` starts quickly."""

from typing import Annotated

import typer

from pi_server.cli.check import check
from pi_server.cli.config_explain import explain
from pi_server.cli.new import new
from pi_server.cli.plugin_doctor import doctor
from pi_server.cli.plugin_list import list_plugins
from pi_server.cli.routes import routes
from pi_server.cli.run import run

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
app.command()(run)
app.command()(check)
app.command()(routes)
app.command()(new)

plugin = typer.Typer(help="See which plugins there are, and what ails them.", no_args_is_help=True)
plugin.command("list")(list_plugins)
plugin.command()(doctor)
app.add_typer(plugin, name="plugin")

config = typer.Typer(help="See the configuration in effect.", no_args_is_help=True)
config.command()(explain)
app.add_typer(config, name="config")


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
    app(prog_name="pi-server")
