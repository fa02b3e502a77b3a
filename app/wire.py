"""JSON objects of the API: what they have in common."""

from pydantic import BaseModel, ConfigDict


class Wire(BaseModel):
    """A JSON object that a client sends or gets: immutable, and closed to other members."""

    model_config = ConfigDict(frozen=True, extra="forbid")
