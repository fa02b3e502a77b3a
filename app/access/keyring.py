"""The keys that are in force, in one worker: those of the file, as it was when it was last good.

A file that cannot be used any more, or is gone, changes nothing, and the log says so once. The
content that was last good is in memory that the workers share: a worker that replaces another one
meanwhile has the keys that the others have, and not those of the start.
"""

import hmac
import logging
import os
from hashlib import sha256
from pathlib import Path

from app.access.api_key import ApiKey
from app.access.keys_file import parse_keys, read_content
from app.errors import InvalidKeys
from app.shared_bytes import SharedBytes
from app.telemetry import event


class Keyring:
    """The keys of the file at `path`.

    error: why the file cannot be used now; empty if it can. Raises `InvalidKeys` where no worker
    has had a good one yet.
    """

    def __init__(self, path: Path, shared: SharedBytes) -> None:
        self._path, self._shared = path, shared
        self._content: bytes | None = None
        self._keys: dict[bytes, ApiKey] = {}  # by `_blinded`
        self._secret = os.urandom(32)
        self.error = ""
        self.look()
        if self._content is None:
            latest = shared.latest()
            if latest is None:
                raise InvalidKeys(self.error)
            self._use(latest)

    def look(self) -> None:
        """Read the file, and use its keys if it is good. It may block: call it in a thread."""
        try:
            content = read_content(self._path)
            if content != self._content:
                self._use(content)
                self._shared.put(content)
                event("keys read", keys=len(self._keys))
            if self.error:
                event("keys file can be used again")
            self.error = ""
        except InvalidKeys as error:
            if self.error != str(error):
                event("keys file cannot be used", logging.ERROR, reason=str(error))
            self.error = str(error)

    def find(self, presented: bytes) -> ApiKey | None:
        """Return the key that a client has presented, or None.

        How long it takes says nothing about the keys: what is looked up depends on a secret of this
        process, and the digests are compared in constant time.
        """
        digest = sha256(presented).digest()
        key = self._keys.get(self._blinded(digest))
        is_known = hmac.compare_digest(digest if key is None else key.digest, digest)
        return key if is_known else None

    def _blinded(self, digest: bytes) -> bytes:
        return hmac.digest(self._secret, digest, "sha256")

    def _use(self, content: bytes) -> None:
        keys = parse_keys(content, self._path)
        self._keys = {self._blinded(key.digest): key for key in keys}
        self._content = content
