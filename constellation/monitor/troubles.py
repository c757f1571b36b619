"""What does not work with the containers of this host, for `constellation status` and `explain`."""

from __future__ import annotations

from collections.abc import Iterator

from constellation.admin.words import counted
from constellation.monitor.inventory import Inventory
from constellation.monitor.watch_labels import NotWatched
from constellation.traefik.host_names import dns_label
from messages.wellness import TROUBLES_MAX, Trouble, TroublesReported

TEXT_CHARACTERS_MAX = 256
NAME_CHARACTERS_MAX = 64


def docker_troubles(inventory: Inventory, domain: str) -> TroublesReported:
    """Return all troubles that the inventory knows of, mistakes before what may be intended."""
    found = sorted(_troubles(inventory, domain), key=lambda one: (one.is_note, one.kind, one.what))
    return TroublesReported(
        actor="docker",
        troubles=tuple(found[:TROUBLES_MAX]),
        unlisted=max(0, len(found) - TROUBLES_MAX),
    )


def _troubles(inventory: Inventory, domain: str) -> Iterator[Trouble]:
    for name in inventory.not_inspectable:
        why = "Docker gives no answer about it; what its list of containers says is used"
        fix = "restart the container, or Docker"
        yield _of_container(name, "cannot be inspected", why, fix)
    for container in inventory.unreadable.values():
        fix = "remove it, or report this as a fault of the agent"
        yield _of_container(container.name, "is not published", container.why, fix)
    for name in inventory.refused.values():
        most = counted(inventory.policy.containers_max, "container")
        why = f"at most {most} of a node can be watched"
        yield _of_container(name, "is not watched", why, "watch fewer, see docker.watch")
    for known in inventory.containers.values():
        if known.labels_left_out:
            why = f"they are too long, or too many: {', '.join(known.labels_left_out)}"
            fix = "use fewer and shorter labels"
            yield _of_container(known.name, "has labels that are left out", why, fix)
    for name, found in inventory.unwatched.by_name.items():
        yield _not_watched(name, found, domain)


def _of_container(name: str, what: str, why: str, fix: str) -> Trouble:
    return Trouble(
        kind="container",
        subject=name[:NAME_CHARACTERS_MAX],
        what=f"container {name[:NAME_CHARACTERS_MAX]} {what}",
        why=why[:TEXT_CHARACTERS_MAX],
        fix=fix,
    )


def _not_watched(name: str, found: NotWatched, domain: str) -> Trouble:
    label = dns_label(found.service)
    default = (f"{label}.{domain}",) if label else ()
    return Trouble(
        kind="unwatched",
        subject=name[:NAME_CHARACTERS_MAX],
        what=f"container {name[:NAME_CHARACTERS_MAX]} is not watched",
        why=found.why[:TEXT_CHARACTERS_MAX],
        fix=found.fix[:TEXT_CHARACTERS_MAX],
        hosts=found.hosts or default,
        is_note=not found.is_mistake,
    )
