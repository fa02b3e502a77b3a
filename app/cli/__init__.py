"""`thalamus serve | keys | predict | complete | models | verify | migrate | pack`.

A mistake is one line on stderr and exit status 2; a bundle with findings is exit status 1.
Commands import what they need when they run, so that help and mistakes are answered at once.
"""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from cyclopts import App, Group

from app.cli import bundles, models
from app.cli.keys import keys_program
from app.cli.pack import pack
from app.cli.predict.command import Predict
from app.command_line import program, run_program

if TYPE_CHECKING:
    from app.bundle import Registry

_SERVING = Group("Serving", sort_key=1)
_ASKING = Group("Asking", sort_key=2)
_BUNDLES = Group("Bundles", sort_key=3)
_SERVE_HELP = """Answer requests over HTTP.

Every option can also be set by the environment variable named beside it. An option takes
precedence over the environment, and the environment over the default.

Example: thalamus serve --port 8080 --models models"""


def _shipped() -> "Registry":
    from app.registry import SHIPPED

    return SHIPPED


def thalamus(registry: "Callable[[], Registry]" = _shipped) -> App:
    """Return the program. registry: the tasks and modalities for its commands."""
    app = program("thalamus", "Serve, ask, check and make model bundles.")
    commands = bundles.Commands(registry)
    # By name: its options come from the settings, and importing pydantic-settings is slow.
    app.command("app.cli.serve:serve", name="serve", group=_SERVING, help=_SERVE_HELP)
    app.command(keys_program(_SERVING))
    app.command(Predict(registry).predict, group=_ASKING)
    app.command(commands.complete, group=_ASKING)
    app.command(models.program_of_models(registry, _BUNDLES))
    app.command(commands.verify, group=_BUNDLES)
    app.command(commands.migrate, group=_BUNDLES)
    app.command(pack, group=_BUNDLES)
    return app


def main(
    arguments: Sequence[str] | None = None, registry: "Callable[[], Registry]" = _shipped
) -> int:
    """Run one command and return the exit status.

    registry: the tasks and modalities for the commands, if they differ from the shipped ones.
    """
    return run_program(thalamus(registry), arguments, provided={"registry": registry})
