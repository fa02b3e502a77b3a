"""The service's settings: environment variables with the prefix `THALAMUS_`."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import DirectoryPath, Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    """Read once by the composition root. Each field is `THALAMUS_<FIELD>`."""

    model_config = SettingsConfigDict(env_prefix="THALAMUS_", frozen=True, extra="ignore")

    models: Annotated[DirectoryPath, Field(description="Folder of bundles, <name>/<version>/")] = (
        Path("models")
    )
    host: Annotated[str, Field(description="Address to listen on")] = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65535, description="Port to listen on")] = 8000
    device: Annotated[
        Literal["auto", "cpu", "cuda", "tensorrt"],
        Field(description="auto falls back to the CPU; cuda and tensorrt refuse to"),
    ] = "auto"
    cuda_graphs: Annotated[
        bool, Field(description="Capture CUDA graphs of models whose inputs have fixed sizes")
    ] = False
    workers: Annotated[
        int, Field(ge=0, le=256, description="Processes; 0: one a CPU core, or one a GPU")
    ] = 0
    threads: Annotated[
        int, Field(ge=0, le=256, description="CPU threads of a session; 0: the cores, shared out")
    ] = 0
    max_body: Annotated[int, Field(ge=1024, description="Largest request body, in bytes")] = (
        16 * 2**20
    )
    max_items: Annotated[int, Field(ge=1, description="Most items in one request")] = 64
    max_batch: Annotated[int, Field(ge=1, description="Most items run together")] = 32
    max_queue: Annotated[int, Field(ge=1, description="Most items waiting for a model")] = 2048
    max_requests: Annotated[int, Field(ge=1, description="Most requests in flight")] = 2048
    max_bytes: Annotated[int, Field(ge=1024, description="Most bytes of bodies in flight")] = (
        256 * 2**20
    )
    receive_timeout: Annotated[float, Field(gt=0, description="Seconds for a body to arrive")] = 30
    deadline: Annotated[float, Field(gt=0, description="Seconds for an answer")] = 30
    log_requests: Annotated[
        bool, Field(description="Log every request, not only those that failed")
    ] = False
    poll: Annotated[float, Field(gt=0, description="Seconds between looks at the folder")] = 1
    defaults: Annotated[
        dict[str, str], Field(description="The model that POST /v1/classify asks, by modality")
    ] = {"image": "imagenet", "text": "spam", "audio": "spoken-digits", "tree": "listops"}
