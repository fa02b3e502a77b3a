"""The parts that `thalamus` and `thalamus-train` share: plain help, and errors of one line.

cyclopts parses the arguments. This module replaces its boxes and colours, because help is often
piped and an error is often a line in a log.
"""

import difflib
import errno
import os
import shutil
import sys
import textwrap
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cyclopts import App, CycloptsError, Group, Parameter, Token
from cyclopts.argument import Argument
from cyclopts.exceptions import (
    CoercionError,
    MissingArgumentError,
    UnknownCommandError,
    UnknownOptionError,
    UnusedCliTokensError,
)

from app import __version__
from app.disk import refused_by_disk
from app.errors import ThalamusError
from app.standard_streams import open_closed_streams
from app.terminal import printable

if TYPE_CHECKING:
    from cyclopts.help import HelpEntry, HelpPanel
    from rich.console import Console, ConsoleOptions

_LARGEST = 2**32 - 1
_COLUMN = 26  # characters for names, beside which the description stands
_WIDEST = 100
_SHOWN = 60  # characters of a value that an error repeats
_ARGUMENTS, _OPTIONS = Group("Arguments", sort_key=0), Group("Options", sort_key=8)
_OPTIONAL = "[ARGS]"  # cyclopts' word in a usage line for the arguments that may be left out


def program(name: str, description: str) -> App:
    """Return a program without commands, with `--help`, `--version`, `--install-completion`."""
    setup = Group("Setup", sort_key=9)
    made = App(
        name=name,
        help=description,
        version=__version__,
        help_format="plaintext",
        default_parameter=Parameter(negative=(), allow_repeating=True),  # the last value counts
        group_arguments=_ARGUMENTS,
        group_parameters=_OPTIONS,
        exit_on_error=False,
        print_error=False,
        suppress_keyboard_interrupt=False,
        result_action="return_value",
    )
    made.help_formatter = PlainHelp(made)
    made.register_install_completion_command(
        help="Install completion for bash, zsh or fish. It adds a line to the start-up file.",
        group=setup,
    )
    for flag, text in (("--help", "Show this help."), ("--version", "Show the version.")):
        made[flag].group, made[flag].help = (setup,), text
    return made


def subprogram(name: str, help: str, usage: str, group: Group) -> App:
    """Return a command that has commands of its own, to be added to a program.

    group: among the commands of the program.
    """
    return App(
        name=name,
        help=help,
        usage=f"Usage: {usage}",
        group=group,
        group_arguments=_ARGUMENTS,
        group_parameters=_OPTIONS,
    )


def run_program(
    program: App,
    arguments: Sequence[str] | None,
    *,
    stopped: str = "",
    provided: Mapping[str, Any] | None = None,
) -> int:
    """Run one command and return the exit status: 2 after a mistake, 130 after Ctrl-C.

    arguments: by default those of the process. stopped: a message after Ctrl-C, if any. provided:
    values of parameters that are no options (`Parameter(parse=False)`), by name.
    """
    open_closed_streams()
    status = 2
    given = list(sys.argv[1:] if arguments is None else arguments)
    try:
        if not given:
            raise ThalamusError(f"a COMMAND is needed; see {program.name[0]} --help")
        command, bound, unparsed = program.parse_args(given)
        known = {name: value for name, value in (provided or {}).items() if name in unparsed}
        done = int(command(*bound.args, **bound.kwargs, **known) or 0)
        sys.stdout.flush()  # here, because an error at the exit of the process has a traceback
        return done
    except CycloptsError as error:
        line = _usage_error(program, error)
    except ThalamusError as error:
        line = str(error)
    except BrokenPipeError:  # the program that reads the output, such as `head`, has ended
        drop_output()
        line, status = "", 0
    except UnicodeError:
        line = "expected arguments and files in UTF-8"
    except OSError as error:
        line = _file_error(error)
    except KeyboardInterrupt:
        line, status = stopped, 130
    if line:
        print(f"{program.name[0]}: {printable(' '.join(line.split()))}", file=sys.stderr)
    return status


def _file_error(error: OSError) -> str:
    """Return the message for a file that cannot be read or written; without a name, the output."""
    reason = error.strerror or str(error)
    if error.filename:
        return f"{error.filename}: {reason}"
    if not refused_by_disk(error) and error.errno != errno.EBADF:
        return reason
    drop_output()
    return f"cannot write the output: {reason}"


def drop_output() -> None:
    """Discard what is still to be written to standard output."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def whole(help: str, least: int = 0, most: int = _LARGEST) -> Parameter:
    """Return an option that takes a whole number from `least` to `most`."""
    between = f"from {least} to {most}" if most != _LARGEST else f"of at least {least}"
    return _number(help, int, lambda value: least <= value <= most, f"a whole number {between}")


def decimal(help: str, least: float, most: float) -> Parameter:
    """Return an option that takes a number from `least` to `most`."""
    expected = f"a number from {least:g} to {most:g}"
    return _number(help, float, lambda value: least <= value <= most, expected)


def _number(
    help: str, kind: type[float], fits: Callable[[float], bool], expected: str
) -> Parameter:
    def converter(_: object, tokens: Sequence[Token]) -> float:
        text = tokens[0].value
        try:
            value = kind(text) if text.isascii() and len(text) <= _SHOWN else None
        except ValueError:
            value = None
        if value is None or not fits(value):
            raise ValueError(f"expected {expected}, got {_short(text)!r}")
        return value

    return Parameter(help=help, converter=converter, metavar="N" if kind is int else "X")


def nearest(name: str, among: Iterable[str]) -> str:
    """Return ` (did you mean …?)` with the most similar name, or nothing where none is similar."""
    close = difflib.get_close_matches(name, list(among), n=1, cutoff=0.7)
    return f" (did you mean {close[0]}?)" if close else ""


def check_readable(paths: Iterable[Path]) -> None:
    """Raise `OSError` for the first path that is no readable file."""
    for path in paths:
        path.open("rb").close()


def _usage_error(program: App, error: CycloptsError) -> str:
    """Return a sentence on the mistake in the arguments, and where help on them is."""
    command = " ".join([program.name[0], *(error.command_chain or ())])
    return f"{_reason(program, error)}; see {command} --help"


def _reason(program: App, error: CycloptsError) -> str:
    match error:
        case MissingArgumentError(argument=Argument() as argument):
            return (
                f"{error.keyword} needs a value" if error.keyword else f"{argument.name} is missing"
            )
        case UnknownCommandError(unused_tokens=[name, *_]):
            return f"unknown command {_short(name)!r}{nearest(name, program)}"
        case UnknownOptionError():
            name = (error.token.keyword or error.token.value).partition("=")[0]
            known = [name for argument in error.argument_collection for name in argument.names]
            return f"unknown option {_short(name)}{nearest(name, known)}"
        case UnusedCliTokensError(unused_tokens=[value, *_]):
            return _misspelt_command(program, error) or f"unexpected argument {_short(value)!r}"
        case CoercionError(argument=Argument() as argument, token=Token() as token):
            choices = argument.get_choices() or ()
            expected = f"expected one of {', '.join(choices)}, got {_short(token.value)!r}"
            reason = str(error.msg) if error.msg else f"{expected}{nearest(token.value, choices)}"
            if error.msg or choices:
                return f"{token.keyword or argument.name}: {reason}"
    return str(error).strip().rstrip(".")


def _misspelt_command(program: App, error: CycloptsError) -> str | None:
    """Return what to say where a command that is also a group was given another command's name."""
    chain, given = error.command_chain or (), error.root_input_tokens or []
    for name in chain:
        program = program[name]
    name = next(iter(given[len(chain) :]), "")
    meant = nearest(name, [command for command in program if not command.startswith("-")])
    return f"unknown command {_short(name)!r}{meant}" if meant else None


def _short(text: str) -> str:
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"


class PlainHelp:
    """Help as text in two columns, without boxes or colours; cyclopts' `HelpFormatter`."""

    def __init__(self, program: App) -> None:
        self._program = program

    def __call__(self, console: "Console", options: "ConsoleOptions", panel: "HelpPanel") -> None:
        """Print one group of commands or options."""
        if not panel.entries:
            return
        lines = [f"{panel.title}:"]
        if about := _plain(console, panel.description):
            lines += textwrap.wrap(about, _width(), initial_indent="  ", subsequent_indent="  ")
        for entry in panel.entries:
            lines += _entry(console, entry, panel.format == "command")
        print(*lines, "", sep="\n")

    def render_usage(self, console: "Console", options: "ConsoleOptions", usage: Any) -> None:
        """Print the usage of the command."""
        if usage:
            line = str(usage).strip().removeprefix("Usage: ")
            if line.endswith(_OPTIONAL):
                line = line.removesuffix(_OPTIONAL) + self._optional_arguments()
            print(f"Usage: {line}\n")

    def _optional_arguments(self) -> str:
        """Return the arguments of the command that may be left out, such as `[FOLDER]`."""
        command = self._program.app_stack.stack[-1][-1]
        return " ".join(
            f"[{argument.name.upper()}]"
            for argument in command.assemble_argument_collection()
            if argument.index is not None and not argument.required
        )

    def render_description(self, console: "Console", options: "ConsoleOptions", text: Any) -> None:
        """Print the description of the command, paragraph by paragraph."""
        for paragraph in _plain(console, text).split("\n\n"):
            if paragraph:
                print(textwrap.fill(paragraph, _width()), end="\n\n")


def _entry(console: "Console", entry: "HelpEntry", command: bool) -> Iterator[str]:
    names = entry.positive_names if command else entry.display_labels_with_metavar
    if entry.positional_label:
        names = (entry.positional_label,)
    label = f"  {', '.join(names)}"
    parts = [_plain(console, entry.description)]
    if entry.choices:
        parts.append(f"One of: {', '.join(entry.choices)}.")
    if entry.default not in (None, "False"):  # a switch is off unless it is named
        parts.append(f"Default: {entry.default}.")
    if entry.env_var:
        parts.append(f"Environment: {', '.join(entry.env_var)}.")
    if entry.required:
        parts.append("Required.")
    whole = " ".join(filter(None, parts))
    text = textwrap.wrap(whole, _width() - _COLUMN, break_on_hyphens=False)
    if len(label) > _COLUMN - 2 or not text:
        yield label
    else:
        yield f"{label:{_COLUMN}}{text.pop(0)}"
    yield from (" " * _COLUMN + line for line in text)


def _plain(console: "Console", text: Any) -> str:
    if text is None or isinstance(text, str):
        return text or ""
    whole = console.options.update(width=10_000)
    return "".join(part.text for part in console.render(text, whole)).strip()


def _width() -> int:
    return min(shutil.get_terminal_size((_WIDEST, 24)).columns, _WIDEST)
