"""Parses the Dockerfile and .dockerignore, for the tests and for prove.sh.

It supports what this Dockerfile uses (line continuations, ARG in FROM, flags, exec forms, simple
variables), but no heredocs and no ONBUILD. `dockerfile.py plan TARGET` prints the steps of a target
as calls of functions in prove.sh; `context`, `environment`, `user`, `healthcheck` and `command`
print one item a line.
"""

import json
import os
import re
import shlex
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

ROOT = Path(__file__).resolve().parent.parent
BASE_PATH = "/usr/local/bin:/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin"
_VARIABLE = re.compile(r"\$(?:\{(\w+)\}|(\w+))")


@dataclass(frozen=True)
class Instruction:
    """One instruction: `COPY --from=a b c` has one flag and the value `b c`."""

    name: str
    flags: tuple[str, ...]
    value: str

    @property
    def exec_form(self) -> list[str] | None:
        """The words of a JSON array, or None for a shell form."""
        text = self.value.removeprefix("CMD").strip() if self.name == "HEALTHCHECK" else self.value
        return json.loads(text) if text.startswith("[") else None

    def flag(self, name: str) -> str | None:
        """Return the value of `--name=value`."""
        found = (flag.partition("=")[2] for flag in self.flags if flag.startswith(f"--{name}="))
        return next(found, None)


@dataclass(frozen=True)
class Stage:
    """FROM base AS name, and the instructions after it."""

    name: str
    base: str
    instructions: tuple[Instruction, ...]


def read(text: str) -> list[Stage]:
    """Return the stages of a Dockerfile, in order."""
    arguments: dict[str, str] = {}
    stages: list[Stage] = []
    for instruction in _instructions(text):
        if instruction.name == "FROM":
            base, *alias = substitute(instruction.value, arguments).split()
            stages.append(Stage(alias[1] if alias else str(len(stages)), base, ()))
        elif stages:
            last = stages[-1]
            stages[-1] = Stage(last.name, last.base, (*last.instructions, instruction))
        else:
            arguments |= _pairs(instruction.value, {})
    return stages


def lineage(stages: Sequence[Stage], name: str) -> list[Instruction]:
    """Return the instructions of the stages that a stage is built from, and then its own."""
    stage = next((stage for stage in stages if stage.name == name), None)
    return [] if stage is None else [*lineage(stages, stage.base), *stage.instructions]


def last(stages: Sequence[Stage], target: str, name: str) -> Instruction | None:
    """Return the instruction of this name that is in force in a target."""
    found = [each for each in lineage(stages, target) if each.name == name]
    return found[-1] if found else None


def environment(instructions: Sequence[Instruction]) -> dict[str, str]:
    """Return the variables that a process started after these instructions would have."""
    values = {"PATH": BASE_PATH}
    for instruction in instructions:
        if instruction.name == "ENV":
            values |= _pairs(instruction.value, values)
    return values


def ignored(patterns: Sequence[str], path: str) -> bool:
    """Return whether .dockerignore excludes a path from the context; the last match decides."""
    pure = PurePosixPath(path)
    tried = [str(pure), *(str(parent) for parent in pure.parents if parent.name)]
    out = False
    for pattern in patterns:
        expression = _expression(pattern.removeprefix("!").strip("/"))
        if any(expression.fullmatch(each) for each in tried):
            out = not pattern.startswith("!")
    return out


def patterns(text: str) -> list[str]:
    """Return the patterns of a .dockerignore."""
    return [line.strip() for line in text.splitlines() if line.strip() and line[0] != "#"]


def context(root: Path, rules: Sequence[str]) -> Iterator[str]:
    """Yield the files in the build context."""
    wanted = [rule[1:].strip("/") for rule in rules if rule.startswith("!")]
    for folder, folders, files in os.walk(root):
        inside = Path(folder).relative_to(root)
        names = {name: (inside / name).as_posix() for name in (*folders, *files)}
        folders[:] = [
            name
            for name in folders
            if not ignored(rules, names[name])
            or any(each.startswith(f"{names[name]}/") for each in wanted)
        ]
        yield from sorted(names[name] for name in files if not ignored(rules, names[name]))


def substitute(text: str, values: dict[str, str]) -> str:
    """Replace $NAME and ${NAME}."""
    return _VARIABLE.sub(lambda match: values.get(match[1] or match[2], ""), text)


def plan(stages: Sequence[Stage], target: str) -> Iterator[str]:
    """Yield the steps to a target: stage, workdir, run, copy and copy_from, for a shell."""
    names = {stage.name for stage in stages}
    for stage in _needed(stages, target):
        yield shlex.join(["stage", stage.name, stage.base if stage.base in names else "base"])
        before = lineage(stages, stage.base)
        folders = [each.value for each in before if each.name == "WORKDIR"]
        yield shlex.join(["workdir", folders[-1] if folders else "/"])
        for position, instruction in enumerate(stage.instructions):
            values = environment([*before, *stage.instructions[:position]])
            match instruction.name:
                case "WORKDIR":
                    yield shlex.join(["workdir", instruction.value])
                case "RUN":
                    variables = [f"{name}={value}" for name, value in values.items()]
                    yield shlex.join(["run", instruction.value, *variables])
                case "COPY":
                    source = instruction.flag("from")
                    call = ["copy_from", source] if source else ["copy"]
                    yield shlex.join([*call, *instruction.value.split()])


def _needed(stages: Sequence[Stage], target: str) -> list[Stage]:
    wanted = {target}
    for stage in reversed(stages):
        if stage.name in wanted:
            wanted |= {stage.base, *(each.flag("from") or "" for each in stage.instructions)}
    return [stage for stage in stages if stage.name in wanted]


def _instructions(text: str) -> Iterator[Instruction]:
    lines = [line for line in text.splitlines() if not line.lstrip().startswith("#")]
    joined = re.sub(r"\\\n", "", "\n".join(lines))
    for line in filter(str.strip, joined.splitlines()):
        name, _, rest = line.strip().partition(" ")
        flags = []
        while match := re.match(r"\s*(--\S+)\s+", rest):
            flags.append(match[1])
            rest = rest[match.end() :]
        yield Instruction(name.upper(), tuple(flags), rest.strip())


def _pairs(text: str, values: dict[str, str]) -> dict[str, str]:
    words = (word.partition("=") for word in shlex.split(text))
    return {name: substitute(value, values) for name, _, value in words}


def _expression(pattern: str) -> re.Pattern[str]:
    parts = re.split(r"(\*\*/|\*\*|\*|\?|\[[^]]*\])", pattern)
    known = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}
    return re.compile(
        "".join(known.get(p, p if p.startswith("[") else re.escape(p)) for p in parts)
    )


def main(wanted: str, target: str = "cpu") -> None:
    """Print the part of the Dockerfile that prove.sh requests."""
    stages = read((ROOT / "Dockerfile").read_text())
    if wanted == "context":
        lines = list(context(ROOT, patterns((ROOT / ".dockerignore").read_text())))
    elif wanted == "plan":
        lines = list(plan(stages, target))
    elif wanted == "environment":
        lines = [f"{k}={v}" for k, v in environment(lineage(stages, target)).items()]
    else:
        names = {"command": ["ENTRYPOINT", "CMD"]}.get(wanted, [wanted.upper()])
        found = [each for name in names if (each := last(stages, target, name))]
        lines = [word for each in found for word in each.exec_form or [each.value]]
    print("\n".join(lines))


if __name__ == "__main__":
    main(*sys.argv[1:])
