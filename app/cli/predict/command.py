"""The command `thalamus predict`: its options, and what they mean."""

import os
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter

from app.cli.bundles import serving_folder
from app.cli.models import KeyFile
from app.command_line import nearest, whole
from app.errors import OperatorError

if TYPE_CHECKING:
    from app.bundle import Registry
    from app.cli.predict.output import Totals
    from app.cli.predict.rows import Format
    from app.cli.predict.run import Destination, Question, Source

CONNECTIONS = 16  # to a service
_SUFFIXES: Mapping[str, "Format"] = {".csv": "csv"}
ModelName = Annotated[
    str,
    Parameter(
        help="Folder models/NAME, of which the version that serves, or models/NAME/VERSION; or NAME"
        " or NAME/VERSION, of a folder of models or of a service."
    ),
]
Paths = Annotated[
    list[str],
    Parameter(
        help="Files, folders (all files below them), patterns such as 'photos/**/*.jpg', or - for "
        "standard input.",
        allow_leading_hyphen=True,
    ),
]


@Parameter(name="*")
@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What is asked."""

    top_k: Annotated[
        int | None, whole("How many labels to show, the most probable first. Default: 5.", 1)
    ] = None
    explain: Annotated[
        bool, Parameter(help="Add which parts of the input count; of a tree: every phrase.")
    ] = False
    task: Annotated[
        str | None,
        Parameter(
            help="What to ask, such as embed. Default: the model's own task.", metavar="TASK"
        ),
    ] = None
    option: Annotated[
        tuple[str, ...],
        Parameter(help="Any other option of the task.", metavar="NAME=VALUE", show_default=False),
    ] = ()

    def given(self) -> dict[str, str]:
        """Return the options of the task as they are sent to a service."""
        given = dict(_pair(each) for each in self.option)
        given |= {} if self.top_k is None else {"top_k": str(self.top_k)}
        return given | ({"explain": "true"} if self.explain else {})


@Parameter(name="*")
@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """How files are read."""

    text_column: Annotated[
        str | None,
        Parameter(
            help="Files are tables (CSV, TSV, JSON Lines, Parquet): answer the text of this column "
            "in each row.",
            metavar="NAME",
        ),
    ] = None
    charset: Annotated[
        str | None,
        Parameter(
            help="Of texts and tables without a byte order mark. Default: utf-8.", metavar="NAME"
        ),
    ] = None


@Parameter(name="*")
@dataclass(frozen=True, slots=True, kw_only=True)
class Writing:
    """Where the answers go."""

    format: Annotated[
        Literal["table", "jsonl", "csv"] | None,
        Parameter(help="Default: table on a terminal, csv for FILE.csv, and otherwise jsonl."),
    ] = None
    out: Annotated[Path | None, Parameter(help="File for the answers.", metavar="FILE")] = None
    resume: Annotated[
        bool,
        Parameter(help="Go on where a run that was ended has left FILE: same inputs and options."),
    ] = False

    def destination(self) -> "Destination":
        """Return where rows go and how; raise `OperatorError` for what cannot be."""
        from app.cli.predict.run import Destination

        chosen = self.format
        if self.resume and self.out is None:
            raise OperatorError("--resume goes on with the file that --out names")
        if self.resume and chosen == "table":
            raise OperatorError("--resume: expected --format jsonl or csv, got table")
        if self.out is not None:
            chosen = chosen or _SUFFIXES.get(self.out.suffix.lower(), "jsonl")
        elif chosen is None:
            chosen = "table" if sys.stdout.isatty() else "jsonl"
        return Destination(self.out, chosen, self.resume)


@Parameter(name="*")
@dataclass(frozen=True, slots=True, kw_only=True)
class Asking:
    """Who answers."""

    models: Annotated[
        Path | None,
        Parameter(
            help="Folder of models, if MODEL is a name. Default: THALAMUS_MODELS, or models."
        ),
    ] = None
    server: Annotated[
        str | None,
        Parameter(
            help="Address of a running service that answers instead. Its key, if it wants one, "
            "comes from the variable THALAMUS_KEY or a file: others can read the command lines of "
            "your processes.",
            metavar="URL",
        ),
    ] = None
    key_file: KeyFile = None
    on: Annotated[
        str | None,
        Parameter(
            help="Ray cluster whose nodes answer instead: ray://HOST:PORT, or local for one that "
            "is started here. All nodes must see the files and the bundle under the same paths. "
            "It needs thalamus[ray].",
            metavar="CLUSTER",
        ),
    ] = None
    device: Annotated[
        Literal["auto", "cpu", "cuda", "tensorrt"],
        Parameter(help="Where to compute; auto takes the CPU where there is no usable GPU."),
    ] = "auto"
    workers: Annotated[
        int | None,
        whole(
            "Processes that answer, or connections to a service. Default: one for each core or "
            f"GPU, of all nodes of a cluster, or {CONNECTIONS} connections.",
            1,
            256,
        ),
    ] = None


_GROUPS = (Asked, Reading, Writing, Asking)


class Predict:
    """The command. registry: the tasks and modalities, loaded when first used."""

    def __init__(self, registry: "Callable[[], Registry]") -> None:
        self._registry = registry

    def predict(
        self,
        model: ModelName,
        path: Paths,
        /,
        *,
        asked: Asked = Asked(),
        reading: Reading = Reading(),
        writing: Writing = Writing(),
        asking: Asking = Asking(),
    ) -> int:
        """Answer files, and write one row for each, in their order.

        A file that cannot be answered has a row with an error, and the others are answered. Exit
        status 1 means that there is such a row.

        Example: thalamus predict models/imagenet photos --out answers.jsonl --resume
        """
        folder = self._folder(model, asking)

        from app.cli.predict.inputs import check_paths
        from app.cli.predict.run import Source, predict_all
        from app.cli.predict.tables import TableReading

        _refuse_options(path)
        check_paths(path)
        destination = writing.destination()
        table = None
        if reading.text_column is not None:
            table = TableReading(reading.text_column, reading.charset)
        source = Source(path, reading.charset, table)
        question = self._question(folder, model, asked, asking, table is not None)
        if asking.on is None or folder is None:
            totals = predict_all(source, destination, question)
        else:
            totals = self._on_cluster(asking, folder, source, destination, question)
        if totals.errors:
            count = f"{totals.errors:,} of {totals.inputs:,}"
            print(f"thalamus: {count} could not be answered; their rows say why", file=sys.stderr)
        return 1 if totals.errors else 0

    def _on_cluster(
        self,
        asking: Asking,
        folder: Path,
        source: "Source",
        destination: "Destination",
        question: "Question",
    ) -> "Totals":
        from app.cli.predict.on_cluster import OnCluster, predict_on_cluster

        given = (asking.on or "", asking.workers, folder, self._registry(), asking.device)
        return predict_on_cluster(OnCluster(*given), source, destination, question)

    def _folder(self, model: str, asking: Asking) -> Path | None:
        """Return the folder of the version; None if a service answers."""
        if asking.server is None:
            return self._here(model, asking).absolute()  # nodes have other working directories
        if asking.on is not None:
            raise OperatorError("expected --on or --server, got both")
        return None

    def _here(self, model: str, asking: Asking) -> Path:
        if asking.key_file is not None:
            raise OperatorError("--key-file is for --server; a folder needs no key")
        given = Path(model)
        if asking.models is None and given.exists():
            return serving_folder(given)
        root = asking.models or Path(os.environ.get("THALAMUS_MODELS") or "models")
        if (root / model).is_dir() and not given.is_absolute():
            return serving_folder(root / model)
        if len(given.parts) > 1 and asking.models is None:
            return serving_folder(given)  # which says what is wrong
        names = [each.name for each in root.iterdir() if each.is_dir()] if root.is_dir() else []
        here = [str(each) for each in Path().iterdir() if each.is_dir()]
        what = f"no such folder, and {root} has no model of that name"
        raise OperatorError(f"{model}: {what}{nearest(model, [*names, *here])}")

    def _question(
        self, folder: Path | None, model: str, asked: Asked, asking: Asking, texts: bool
    ) -> "Question":
        from app.cli.predict.questions import Wanted, of_bundle, of_service

        registry, wanted = self._registry(), Wanted(asked.task, asked.given(), texts)
        if folder is not None:
            return of_bundle(folder, registry, wanted, asking.device, asking.workers)
        if asking.models is not None:
            raise OperatorError("expected --models or --server, got both")

        from app.cli.server_connection import read_key, server_address

        server = server_address(asking.server or "", read_key(asking.key_file))
        return of_service(server, model, registry, wanted, asking.workers or CONNECTIONS)


def _refuse_options(paths: Sequence[str]) -> None:
    """Raise `OperatorError` for a misspelt option, which looks like a path that begins so."""
    for path in paths:
        if path.startswith("-") and path != "-" and not os.path.lexists(path):
            names = [f"--{name.replace('_', '-')}" for group in _GROUPS for name in _names(group)]
            name = path.partition("=")[0]
            meant = nearest(name, names)
            raise OperatorError(f"unknown option {name[:60]}{meant}; see thalamus predict --help")


def _names(group: type) -> list[str]:
    return [field.name for field in fields(group)]


def _pair(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals:
        raise OperatorError(f"--option is NAME=VALUE, got {text[:60]!r}")
    return name, value
