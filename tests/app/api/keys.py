"""Keys for tests, and their file."""

import json
from hashlib import sha256
from pathlib import Path

PREDICT, ADMIN, SLOW = "thal_predict", "thal_admin", "thal_slow"
KEYS = {
    PREDICT: {"name": "clients", "scopes": ["predict"]},
    ADMIN: {"name": "operator", "scopes": ["admin"]},
    SLOW: {"name": "slow", "scopes": ["predict"], "quota": "3/hour"},
}


def line(key: str, **described: object) -> str:
    """Return the line of a key in a file of keys."""
    digest = sha256(key.encode()).hexdigest()
    return json.dumps({"name": key, "sha256": digest, "scopes": ["predict"]} | described) + "\n"


def write_keys(path: Path, *keys: str, **described: object) -> Path:
    """Write a file of keys: by default of those above; replace it as a whole."""
    lines = [line(key, **(KEYS.get(key, {}) | described)) for key in keys or KEYS]
    new = path.with_name("new")
    new.write_text("".join(lines))
    return Path(new.replace(path))
