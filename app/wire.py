"""JSON objects of the API: what they have in common."""

from pydantic import BaseModel, ConfigDict

CLOSED_MEMBERS = ConfigDict(frozen=True, extra="forbid")


class Wire(BaseModel):
    """A JSON object that a client sends or receives. It is frozen and forbids other members."""

    model_config = CLOSED_MEMBERS


class OpenWire(BaseModel):
    """A JSON object of another protocol, whose further members change nothing."""

    model_config = ConfigDict(frozen=True)
