"""A service whose models can be controlled over HTTP, and a client with the key for that."""

import asyncio
import hashlib
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx

from app.factory import Application, create_app
from app.settings import Settings
from tests.conftest import running

KEY = "thal_admin"


def controlled_app(models: Path, **settings: Any) -> Application:
    """Return an application that serves `models`, with a file of keys beside that folder."""
    described = {"name": "operator", "sha256": hashlib.sha256(KEY.encode()).hexdigest()}
    keys = models.parent / "keys.jsonl"
    keys.write_text(json.dumps(described | {"scopes": ["admin"]}) + "\n")
    given = {"device": "cpu", "threads": 1, "poll": 3600, "defaults": {}, "keys_file": keys}
    return create_app(Settings(models=models, **given | settings))


@asynccontextmanager
async def controlled(models: Path, **settings: Any) -> AsyncIterator[httpx.AsyncClient]:
    """Serve `models` in this process, and ask with the key of the admin."""
    app = controlled_app(models, **settings)
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    headers = {"Authorization": f"Bearer {KEY}"}
    async with (
        running(app),
        httpx.AsyncClient(transport=transport, base_url="http://test", headers=headers) as client,
    ):
        client.app = app
        while (await client.get("/readyz")).status_code != 200:
            await asyncio.sleep(0.005)
        yield client
