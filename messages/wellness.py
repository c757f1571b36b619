"""Messages of what does not work on a node: from the actor that knows it to `admin`, and onwards.

An actor reports all that it knows to be wrong in one `TroublesReported`: whenever that changes, and
whenever `admin` has started (`on_actor_up`), even if there is nothing.  Nothing else is needed:
`constellation.wellness` shows each trouble in `status` on every node, in `/health`, in the exit
codes and in the metrics, and `explain` finds those that name a host.

A whole part of the host that is absent or lost is a `PartReported`: other nodes rely on it as a
capability, and it is 'lost', not 'absent', where it is expected.
"""

from typing import Literal

from pydantic import Field

from messages.base import Message

TROUBLES_MAX = 32  # of one actor
HOSTS_MAX = 8
PROBLEMS_MAX = 100
TEXT_CHARACTERS_MAX = 512

# The worst first: `status` lists them in this order.
TroubleKind = Literal[
    "disk",  # a disk does not answer, or refuses to write
    "name",  # another host claims the name of a node, or a node has a new name
    "unheard",  # two nodes do not hear each other
    "record",  # records of a node are refused
    "key",  # packets that no key of this node decrypts
    "ingress",  # this node's Traefik does not poll, or does not answer
    "hook",  # a program that runs when a lease moves has failed
    "address",  # an address that is not reached, or not this host's
    "warp",  # a WARP gateway that is not healthy
    "dns",  # records that are not kept as they should be
    "container",  # a watched container that cannot be inspected, or has no address
    "unwatched",  # a container that asks for routes and is not watched
    "setting",  # a setting that has no effect, or will fail later
]


class Trouble(Message):
    """One thing that does not work on a node.  Part of `TroublesReported` and of `NodeStatus`.

    It is shown as "<what> on <node>: <why>; <fix>", for several nodes with equal troubles once.
    """

    crosses_nodes = True

    kind: TroubleKind
    subject: str = Field(
        default="", max_length=253, description="what it is about: a container, a node, a file"
    )
    what: str = Field(
        min_length=1,
        max_length=256,
        description="what fails, without the node, e.g. 'container blog cannot be inspected'",
    )
    why: str = Field(default="", max_length=TEXT_CHARACTERS_MAX)
    fix: str = Field(default="", max_length=TEXT_CHARACTERS_MAX)
    hosts: tuple[str, ...] = Field(
        default=(),
        max_length=HOSTS_MAX,
        description="the host names that get no requests because of it, if it is known which",
    )
    is_note: bool = Field(
        default=False, description="worth knowing, but nothing that must be acted on"
    )


class TroublesReported(Message):
    """Report all troubles that an actor knows.  They replace those it reported before.

    Sent to `admin`.  No answer.
    """

    actor: str = Field(min_length=1, max_length=64, description="who reports")
    troubles: tuple[Trouble, ...] = Field(max_length=TROUBLES_MAX)
    unlisted: int = Field(default=0, ge=0, description="further troubles, without room here")


class ClusterJudged(Message):
    """State what is wrong with the cluster as this node sees it, for `/health`.

    Sent to `http` in intervals.  No answer.
    """

    problems: tuple[str, ...] = Field(max_length=PROBLEMS_MAX, description="the worst first")
    unlisted: int = Field(ge=0, description="further problems")
