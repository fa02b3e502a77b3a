"""Which GPUs there are, told without touching CUDA: it reads the environment once, at its start."""

import os
import re
from collections.abc import MutableMapping
from itertools import takewhile
from pathlib import Path

_VISIBLE = "CUDA_VISIBLE_DEVICES"


def visible_gpus(
    environment: MutableMapping[str, str] = os.environ, devices: Path = Path("/dev")
) -> list[str]:
    """Return the GPUs that this process may use, as CUDA_VISIBLE_DEVICES names them.

    Empty where there is none, or where the driver has no node for each (WSL, Jetson).
    """
    if _VISIBLE in environment:
        names = (name.strip() for name in environment[_VISIBLE].split(","))
        return list(takewhile(lambda name: name not in ("", "-1"), names))  # CUDA stops there too
    nodes = [node for node in devices.glob("nvidia*") if re.fullmatch(r"nvidia\d+", node.name)]
    return [str(place) for place in range(len(nodes))]  # CUDA counts what it sees from 0


def see_only(place: int, environment: MutableMapping[str, str] = os.environ) -> None:
    """Let CUDA see one GPU, the `place`th; beyond the last it begins again with the first."""
    if gpus := visible_gpus(environment):
        environment[_VISIBLE] = gpus[place % len(gpus)]
