"""The base class of all JSON objects of the API."""

from pydantic import BaseModel, ConfigDict


class Wire(BaseModel):
    """An immutable JSON object that a client sends or receives; other members are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")
