"""`thalamus models [FOLDER]`, and `thalamus models show | pin | unpin | rollback | hold | release`.

The commands work on a folder of models, or on a running service with `--server`; both say the same.
"""

import shlex
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Protocol

from cyclopts import App, Group, Parameter

from app.cli.bundles import Folder, print_row, version_folders
from app.command_line import nearest, subprogram, whole
from app.errors import OperatorError
from app.terminal import printable

if TYPE_CHECKING:
    from app.bundle import Registry
    from app.serving.change_request import ChangeRequest
    from app.serving.rule_changes import RuleChange
    from app.serving.rule_state import RuleState

_COMMANDS = ("show", "pin", "unpin", "rollback", "hold", "release")
_HIGHEST = 10**18 - 1  # version; `app.bundle` is not imported for it
_USAGE = "thalamus models [FOLDER]\n       thalamus models COMMAND NAME [OPTIONS]"
_HELP = """List bundles: name and version, modality, the first figure of the manifest, and which
version serves or is held. The commands show and change which version of a model serves.

A folder with the name of a command is written with its path, such as ./pin.

Example: thalamus models models"""

Name = Annotated[str, Parameter(help="Name of the model.")]
Version = Annotated[int, whole("Number of the version.", 1, _HIGHEST)]
KeyFile = Annotated[Path | None, Parameter(help="File that holds the key. Default: THALAMUS_KEY.")]


@Parameter(name="*")
@dataclass(frozen=True, slots=True, kw_only=True)
class Where:
    """Where the models are."""

    models: Annotated[Path | None, Parameter(help="Folder of models. Default: models.")] = None
    server: Annotated[
        str | None,
        Parameter(
            help="Address of a running service instead. It wants an admin key, from the variable "
            "THALAMUS_KEY or a file: others can read the command lines of your processes.",
            metavar="URL",
        ),
    ] = None
    key_file: KeyFile = None

    def words(self) -> str:
        """Return these options as they are written in a further command."""
        given = {"--models": self.models, "--server": self.server, "--key-file": self.key_file}
        return "".join(f" {k} {shlex.quote(str(v))}" for k, v in given.items() if v is not None)


class Control(Protocol):
    """What the commands ask: a folder, or a service."""

    def state(self, name: str) -> "RuleState":
        """Return the state of a model; raise `ThalamusError`."""
        ...

    def change(self, name: str, request: "ChangeRequest") -> "RuleChange":
        """Make a change, and return what it did; raise `ThalamusError`."""
        ...


class Models:
    """The commands. registry: the tasks and modalities, loaded when first used."""

    def __init__(self, registry: "Callable[[], Registry]") -> None:
        self._registry = registry

    def list(self, folder: Folder = Path("models"), /) -> None:
        """List the bundles at or below a folder."""
        found = version_folders(folder, commands=() if str(folder) in _COMMANDS else _COMMANDS)

        from app.bundle import read_bundle
        from app.cli.model_lines import mark
        from app.serving.rule_state import rule_state

        models = {path.parent for path in found}
        states = {model: rule_state(model) for model in models}
        for state in states.values():
            if state.problem is not None:
                print(f"thalamus: {state.model}: {printable(state.problem)}", file=sys.stderr)
        for path in found:
            manifest = read_bundle(path, self._registry()).manifest
            figures = [f"{m.name} {m.value:.4g} ({m.split})" for m in manifest.metrics]
            headline = next(iter(sorted(figures, key=_is_no_headline)), "")
            marked = mark(states[path.parent], manifest.version)
            print_row(f"{path.parent.name}/{path.name}", manifest.modality, headline, marked)

    def show(
        self,
        name: Name,
        /,
        *,
        where: Where = Where(),
        as_json: Annotated[bool, Parameter(name="--json", help="Print one JSON object.")] = False,
    ) -> int:
        """Show which version of a model serves, why, since when, and which are held.

        Exit status 1 means that the rule, serving.json, cannot be followed.

        Example: thalamus models show digits
        """
        state = self._control(where).state(name)

        from app.cli.model_lines import state_lines

        if as_json:
            print(state.model_dump_json())
        else:
            print(*state_lines(state), sep="\n")
        return 0 if state.problem is None else 1

    def pin(self, name: Name, version: Version, /, *, where: Where = Where()) -> None:
        """Let one version serve, whatever is published later.

        Example: thalamus models pin digits 3
        """
        self._change(name, where, change="pin", version=version)

    def unpin(self, name: Name, /, *, where: Where = Where()) -> None:
        """Let the newest version serve that is not held.

        Example: thalamus models unpin digits
        """
        self._change(name, where, change="unpin")

    def rollback(
        self,
        name: Name,
        /,
        *,
        copy: Annotated[
            bool,
            Parameter(
                help="Publish that version again, under a new highest number, without a pin."
            ),
        ] = False,
        where: Where = Where(),
    ) -> None:
        """Go back to the version before the one that serves: pin it. Twice goes two back.

        Example: thalamus models rollback digits
        """
        self._change(name, where, change="rollback", copy=copy)

    def hold(
        self,
        name: Name,
        version: Version,
        /,
        *,
        reason: Annotated[str, Parameter(help="Why, in one line.", metavar="TEXT")] = "",
        where: Where = Where(),
    ) -> None:
        """Keep a version from serving until it is released. It can be asked by its number.

        Example: thalamus models hold digits 4 --reason "worse on 4 and 9"
        """
        self._change(name, where, change="hold", version=version, reason=reason)

    def release(self, name: Name, version: Version, /, *, where: Where = Where()) -> None:
        """Let a held version serve again, if it is the newest and none is pinned.

        Example: thalamus models release digits 4
        """
        self._change(name, where, change="release", version=version)

    def _change(self, name: str, where: Where, **members: Any) -> None:
        from app.cli.model_lines import change_lines
        from app.serving.change_request import read_change

        request = read_change(members)
        done = self._control(where).change(name, request)
        print(*change_lines(request, done, where.words()), sep="\n")

    def _control(self, where: Where) -> Control:
        if where.server is None:
            if where.key_file is not None:
                raise OperatorError("--key-file is for --server; a folder needs no key")
            return _Folder(where.models or Path("models"), self._registry)
        if where.models is not None:
            raise OperatorError("expected --models or --server, got both")

        from app.cli.server_client import ServerClient
        from app.cli.server_connection import read_key

        return ServerClient(where.server, read_key(where.key_file))


class _Folder:
    """A folder of models, as `Control`."""

    def __init__(self, root: Path, registry: "Callable[[], Registry]") -> None:
        self._root, self._registry = root, registry

    def state(self, name: str) -> "RuleState":
        from app.serving.rule_state import rule_state

        return rule_state(self._model(name))

    def change(self, name: str, request: "ChangeRequest") -> "RuleChange":
        from app.serving.change_request import make_change

        return make_change(self._model(name), request, self._registry)

    def _model(self, name: str) -> Path:
        from app.bundle.manifest import wrong_name

        if (folder := self._root / name).is_dir() and not wrong_name(name):
            return folder
        if not self._root.is_dir():
            raise OperatorError(f"{self._root}: no such folder; name it with --models")
        if wrong := wrong_name(name):
            raise OperatorError(f"NAME: {wrong}; the folder of models is named with --models")
        names = [path.name for path in self._root.iterdir() if path.is_dir()]
        raise OperatorError(f"{self._root}: it has no model {name!r}{nearest(name, names)}")


def program_of_models(registry: "Callable[[], Registry]", group: Group) -> App:
    """Return `models`, which is a command and a group of commands."""
    models = Models(registry)
    app = subprogram("models", _HELP, _USAGE, group)
    app.default(models.list)
    for name in _COMMANDS:
        app.command(getattr(models, name))
    return app


def _is_no_headline(figure: str) -> bool:
    """Return False for the figures by which models are compared; they come first."""
    return not figure.startswith(("accuracy", "perplexity"))
