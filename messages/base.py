"""The root of every message: immutable, strict, and named on the wire by its class name."""

from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict

REGISTRY: dict[str, type["Message"]] = {}


class Message(BaseModel):
    """One immutable fact or request sent between actors."""

    # Only messages with this flag are accepted from other nodes.
    crosses_nodes: ClassVar[bool] = False
    # Said by a base of messages that is none itself.
    is_abstract: ClassVar[bool] = False

    # Input stays out of errors, and so out of logs: labels contain password hashes.
    # Validators are built when first used: to build all takes as long as to import all, and an
    # operator's command needs few.  An agent builds all, see `build_all`.
    model_config = ConfigDict(
        frozen=True, extra="forbid", strict=True, hide_input_in_errors=True, defer_build=True
    )

    def __str__(self) -> str:
        """Return the class name: Thespian makes this text of every message it passes on."""
        return type(self).__name__

    @classmethod
    def __pydantic_init_subclass__(cls, **kwargs: Any) -> None:
        """Register the subclass under its bare name, which must be unique in the project."""
        # Thespian dispatches on the bare class name (receiveMsg_<ClassName>) and the wire
        # carries it too, so two messages with one name would silently cross-deliver.
        if cls.__dict__.get("is_abstract"):
            return
        if cls.__name__ in REGISTRY:
            first = REGISTRY[cls.__name__].__module__
            raise TypeError(
                f"message {cls.__name__!r} in {cls.__module__} is already defined in {first}: "
                "rename one, prefixing it with its feature (RaftVote, LeaseVote)"
            )
        REGISTRY[cls.__name__] = cls


def build_all() -> None:
    """Build the validators of all messages, before processes are forked.

    A process that builds even one itself copies the pages of everything that takes part in it.
    """
    for kind in REGISTRY.values():  # a part is defined before what contains it
        kind.model_rebuild()
