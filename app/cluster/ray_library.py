"""Ray itself, imported on demand: silent, and sending nothing to anybody.

Ray reports usage to its makers unless `RAY_USAGE_STATS_ENABLED` is 0 in the environment of the
process that starts a cluster, and its processes inherit the environment. So it is set before the
import. A cluster that somebody else has started follows what they have set.
"""

import logging
import os
import secrets
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType

from app.errors import ClusterError

_ENVIRONMENT = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_DATA_DISABLE_PROGRESS_BARS": "1",
    "RAY_DEDUP_LOGS": "0",
    # Without a GPU Ray would hide all devices from a worker by an empty list, and warn of that.
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
    "RAY_DISABLE_IMPORT_WARNING": "1",
}
_LOGGERS = ("ray", "ray.data", "ray.serve", "ray.train", "ray.tune", "ray.util.client")


_MODE, _TOKEN, _TOKEN_PATH = "RAY_AUTH_MODE", "RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH"


@contextmanager
def token_of_its_own() -> Iterator[None]:
    """Give the cluster that is started within a token that nobody else knows.

    Ray would write one into the home folder, which then stays there for all to read.
    """
    before = {name: os.environ.get(name) for name in (_MODE, _TOKEN)}
    os.environ.update({_MODE: "token", _TOKEN: secrets.token_hex(32)})
    try:
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name, None)
            if value is not None:
                os.environ[name] = value


def _has_token() -> bool:
    if any(os.environ.get(name) for name in (_TOKEN, _TOKEN_PATH)):
        return True
    return (Path.home() / ".ray" / "auth_token").is_file()


def load_ray() -> ModuleType:
    """Return the module `ray`; raise `ClusterError` where it is not installed."""
    os.environ.update(_ENVIRONMENT)
    if _MODE not in os.environ and _has_token():
        os.environ[_MODE] = "token"  # Ray would send none, and be refused without saying why
    try:
        import ray
    except ImportError as error:
        what = "Ray is not installed here" if error.name == "ray" else f"Ray cannot start ({error})"
        raise ClusterError(f"{what}; install it with: pip install 'thalamus[ray]'") from error
    _silence()
    module: ModuleType = ray
    return module


def _silence() -> None:
    """Keep Ray's own lines off the terminal; importing a library of Ray sets them up again."""
    warnings.filterwarnings("ignore", module=r"(?:ray|app\.cluster)\.")
    for name in _LOGGERS:
        logging.getLogger(name).setLevel(logging.CRITICAL)
