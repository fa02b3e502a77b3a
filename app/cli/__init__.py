"""`thalamus serve | predict | complete | models | verify | pack`.

A mistake is one line on stderr and exit status 2; a bundle with findings is exit status 1.
Commands import what they need when they run, so that help and mistakes are answered at once.
"""

from collections.abc import Sequence

from cyclopts import Group

from app.cli import bundles
from app.cli.pack import pack
from app.command_line import program, run

thalamus = program("thalamus", "Serve, ask, check and make model bundles.")

_SERVING = Group("Serving", sort_key=1)
_ASKING = Group("Asking without a server", sort_key=2)
_BUNDLES = Group("Bundles", sort_key=3)

# By name, because its options are made from the settings, whose library takes longest to import.
thalamus.command(
    "app.cli.serve:serve",
    name="serve",
    group=_SERVING,
    help="""Answer requests over HTTP.

    Every option can also be set by the environment variable named beside it. An option takes
    precedence over the environment, and the environment over the default.

    Example: thalamus serve --port 8080 --models models""",
)
thalamus.command(bundles.predict, group=_ASKING)
thalamus.command(bundles.complete, group=_ASKING)
thalamus.command(bundles.models, group=_BUNDLES)
thalamus.command(bundles.verify, group=_BUNDLES)
thalamus.command(pack, group=_BUNDLES)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return the exit status."""
    return run(thalamus, arguments)
