"""The root of every message: immutable, strict, and named on the wire by its class name."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict

REGISTRY: dict[str, type[Message]] = {}


class Message(BaseModel):
    """One immutable fact or request sent between actors."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    @classmethod
    def __pydantic_init_subclass__(cls, **kwargs: Any) -> None:
        """Register the subclass under its bare name, which must be unique in the project."""
        # Thespian dispatches on the bare class name (receiveMsg_<ClassName>) and the wire
        # carries it too, so two messages with one name would silently cross-deliver.
        if cls.__name__ in REGISTRY:
            first = REGISTRY[cls.__name__].__module__
            raise TypeError(
                f"message {cls.__name__!r} in {cls.__module__} is already defined in {first}: "
                "rename one, prefixing it with its feature (RaftVote, LeaseVote)"
            )
        REGISTRY[cls.__name__] = cls
