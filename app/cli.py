"""`thalamus serve | predict | complete | models | verify | pack`.

A user's mistake is answered with one line on stderr and exit status 2; what was found
wrong in a bundle with status 1.
"""

import argparse
import json
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from pydantic_settings import SettingsError

from app import __version__
from app.errors import InvalidInput, ThalamusError
from app.settings import Settings


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return the exit status."""
    options = _parser().parse_args(arguments)
    try:
        return int(options.command(options))
    except ThalamusError as error:
        print(f"thalamus: {error}", file=sys.stderr)
    except ValidationError as error:
        first = error.errors()[0]
        name = "_".join(str(part) for part in first["loc"]).upper()
        print(f"thalamus: THALAMUS_{name}: {first['msg']}", file=sys.stderr)
    except SettingsError as error:
        print(f"thalamus: THALAMUS_*: {error}", file=sys.stderr)
    except OSError as error:
        print(f"thalamus: {error.filename or ''}: {error.strerror}", file=sys.stderr)
    return 2


def _serve(options: argparse.Namespace) -> int:
    from app.main import create_app
    from app.process.serve import serve

    chosen = {
        name: value
        for name in ("models", "host", "port", "device", "workers")
        if (value := getattr(options, name)) is not None
    }
    serve(Settings(**chosen), create_app)
    return 0


def _predict(options: argparse.Namespace) -> int:
    from app.bundle import read_bundle
    from app.modalities import Payload
    from app.pipeline import Classes, Pipeline, Rebuilt

    pipeline = Pipeline(read_bundle(_newest(options.bundle)))
    asked: dict[str, tuple[Any, Callable[[Any], dict[str, Any]]]] = {
        "classify": (Classes(options.top_k, options.explain), asdict),
        "reconstruct": (Rebuilt(), _reconstructed),
    }
    if pipeline.manifest.task not in asked:
        raise ThalamusError(f"{pipeline.manifest.name} goes on from texts: thalamus complete")
    wanted, shown = asked[pipeline.manifest.task]
    for path in options.files:
        payload = Payload(path.read_bytes(), "application/octet-stream")
        try:
            answer = shown(pipeline.predict([payload], wanted)[0])
        except InvalidInput as error:
            raise InvalidInput(f"{path}: {error}") from error
        print(json.dumps({"file": str(path), **answer}, ensure_ascii=False))
    return 0


def _reconstructed(answer: Any) -> dict[str, Any]:
    return {"reconstruction_error": answer.error, "novelty": answer.novelty}


def _complete(options: argparse.Namespace) -> int:
    from app.bundle import read_bundle
    from app.modalities import Payload
    from app.pipeline import Manner, Pipeline, begin, stream

    pipeline = Pipeline(read_bundle(_newest(options.bundle)))
    manner = Manner(options.max_words, options.temperature, options.seed, sentence=options.sentence)
    continuation = begin(pipeline, Payload(options.text.encode(), "text/plain"), manner)
    print(options.text, end="", flush=True)
    begun, busy = time.perf_counter(), time.process_time()
    for word in stream(pipeline, continuation):
        print(word.text, end="", flush=True)
    seconds, busy = time.perf_counter() - begun, time.process_time() - busy
    print()
    count = len(continuation.words)
    speed = f"{count} words in {seconds:.3f} s, {count / busy:.0f} a second of one core's time"
    print(f"{speed}, on {pipeline.provider}", file=sys.stderr)
    return 0


def _models(options: argparse.Namespace) -> int:
    from app.bundle import read_bundle

    for folder in _bundles(options.folder):
        manifest = read_bundle(folder).manifest
        figures = ", ".join(f"{m.name} {m.value:.4g} ({m.split})" for m in manifest.metrics[:1])
        print(f"{manifest.name}/{manifest.version}\t{manifest.modality}\t{figures}")
    return 0


def _verify(options: argparse.Namespace) -> int:
    from app.bundle import read_bundle
    from app.pipeline import Pipeline, replay

    failed = 0
    for folder in _bundles(options.folder):
        try:
            bundle = read_bundle(folder)
            pipeline = Pipeline(bundle, options.device)
            problems = [str(difference) for difference in replay(bundle, pipeline)]
        except ThalamusError as error:
            problems, summary = [str(error)], "unreadable"
        else:
            summary = f"{len(bundle.golden)} golden cases on {pipeline.provider}"
        print(f"{'DIFFERS' if problems else 'ok'}\t{folder.parent.name}/{folder.name}\t{summary}")
        for problem in problems:
            print(f"\t{problem}")
        failed += bool(problems)
    return 1 if failed else 0


def _pack(options: argparse.Namespace) -> int:
    from app.bundle import ImageSpec
    from app.pack import Package, pack

    labels = tuple(line for line in options.labels.read_text("utf-8").splitlines() if line.strip())
    width, _, height = options.size.partition("x")
    try:
        encoder = ImageSpec(
            width=int(width),
            height=int(height or width),
            channels=options.channels,
            fit=options.fit,
            layout=options.layout,
            channel_order=options.order,
            dtype=options.dtype,
            mean=tuple(options.mean),
            std=tuple(options.std),
        )
        package = Package(options.name, labels, encoder, options.scores, options.licence)
        folder = pack(options.model, package, options.golden, options.models)
    except ValidationError as error:
        first = error.errors()[0]
        raise ThalamusError(f"{'.'.join(map(str, first['loc']))}: {first['msg']}") from None
    except ValueError:
        raise ThalamusError(f"--size is WIDTHxHEIGHT, got {options.size!r}") from None
    print(f"published {folder}")
    return 0


def _bundles(folder: Path) -> list[Path]:
    """Return the version folders at or below `folder`: a root, a model or a version."""
    if (folder / "manifest.json").is_file():
        return [folder.resolve()]
    found = sorted(
        path.parent.resolve()
        for pattern in ("*/manifest.json", "*/*/manifest.json")
        for path in folder.glob(pattern)
        if not path.parent.name.startswith(".")
    )
    if not found:
        raise ThalamusError(f"{folder}: no bundle here; expected <name>/<version>/manifest.json")
    return found


def _newest(folder: Path) -> Path:
    return max(_bundles(folder), key=lambda path: int(path.name) if path.name.isdigit() else 0)


def _positive(text: str) -> int:
    if not text.isdecimal() or not (number := int(text[:9])):
        raise argparse.ArgumentTypeError("expected a whole number above 0")
    return number


def _not_negative(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = -1.0
    if not 0 <= number <= 100:
        raise argparse.ArgumentTypeError("expected a number from 0 to 100")
    return number


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("thalamus", description="Serve and inspect bundles.")
    parser.add_argument("--version", action="version", version=__version__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    serve = commands.add_parser("serve", help="answer over HTTP (settings: THALAMUS_*)")
    serve.add_argument("--models", type=Path, help="folder of bundles")
    serve.add_argument("--host")
    serve.add_argument("--port", type=int)
    serve.add_argument("--device", choices=("auto", "cpu", "cuda", "tensorrt"))
    serve.add_argument("--workers", type=int, help="processes; 0: one a core, or one a GPU")
    serve.set_defaults(command=_serve)

    predict = commands.add_parser("predict", help="ask a bundle about files, without a server")
    predict.add_argument("bundle", type=Path, help="models/<name>, or one version of it")
    predict.add_argument("files", type=Path, nargs="+")
    predict.add_argument("--top-k", type=_positive, default=5)
    predict.add_argument("--explain", action="store_true", help="of a tree: its every phrase")
    predict.set_defaults(command=_predict)

    complete = commands.add_parser("complete", help="go on from a text, without a server")
    complete.add_argument("bundle", type=Path, help="models/<name>, or one version of it")
    complete.add_argument("text")
    complete.add_argument("--max-words", type=_positive, default=20)
    complete.add_argument("--temperature", type=_not_negative, default=0.0)
    complete.add_argument("--seed", type=_positive, default=1)
    complete.add_argument("--sentence", action="store_true", help="end where the sentence does")
    complete.set_defaults(command=_complete)

    models = commands.add_parser("models", help="list bundles")
    models.add_argument("folder", type=Path, nargs="?", default=Path("models"))
    models.set_defaults(command=_models)

    verify = commands.add_parser("verify", help="replay every golden case, say what differs")
    verify.add_argument("folder", type=Path, nargs="?", default=Path("models"))
    verify.add_argument("--device", choices=("auto", "cpu", "cuda", "tensorrt"), default="auto")
    verify.set_defaults(command=_verify)
    _pack_arguments(commands.add_parser("pack", help="make a bundle of an ONNX image classifier"))
    return parser


def _pack_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("model", type=Path, help="the ONNX file; its batch axis must be free")
    parser.add_argument("--name", required=True, help="lower-case letters, digits and hyphens")
    parser.add_argument("--labels", type=Path, required=True, help="a label a line, in order")
    parser.add_argument("--golden", type=Path, nargs="+", required=True, help="pictures to test by")
    parser.add_argument("--size", required=True, metavar="WIDTHxHEIGHT")
    parser.add_argument("--channels", type=int, choices=(1, 3), default=3)
    parser.add_argument("--layout", choices=("NHWC", "NCHW"), default="NCHW")
    parser.add_argument("--order", choices=("RGB", "BGR"), default="RGB")
    parser.add_argument("--dtype", choices=("uint8", "float32"), default="float32")
    parser.add_argument("--mean", type=float, nargs="+", default=[], help="of x / 255, a channel")
    parser.add_argument("--std", type=float, nargs="+", default=[], help="of x / 255, a channel")
    parser.add_argument("--fit", choices=("crop", "pad", "stretch"), default="crop")
    parser.add_argument("--scores", choices=("probabilities", "logits"), default="logits")
    parser.add_argument("--licence", default="not stated")
    parser.add_argument("--models", type=Path, default=Path("models"), help="where to publish")
    parser.set_defaults(command=_pack)


if __name__ == "__main__":
    sys.exit(main())
