"""A typed client of Thalamus, for threads (`Client`) and for asyncio (`AsyncClient`).

It needs httpx and pydantic. Pictures may also be Pillow images or NumPy arrays, where these are
installed. Answers are the types of `thalamus_client.answers`, errors those of
`thalamus_client.errors`.
"""

from thalamus_client.answers import (
    ChosenWord,
    ClassifiedItem,
    ClassifyResponse,
    CompletionResponse,
    CompletionSummary,
    DescribedModel,
    EmbedResponse,
    Model,
    Models,
    Ready,
    ReconstructResponse,
)
from thalamus_client.asynchronous import AsyncClient
from thalamus_client.errors import ClientError, Problem
from thalamus_client.items import File, Item
from thalamus_client.retries import Retries
from thalamus_client.synchronous import Client

__all__ = [
    "AsyncClient",
    "ChosenWord",
    "ClassifiedItem",
    "ClassifyResponse",
    "Client",
    "ClientError",
    "CompletionResponse",
    "CompletionSummary",
    "DescribedModel",
    "EmbedResponse",
    "File",
    "Item",
    "Model",
    "Models",
    "Problem",
    "Ready",
    "ReconstructResponse",
    "Retries",
]
