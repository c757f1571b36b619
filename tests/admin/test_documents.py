"""What a program reads: the keys are a promise, the numbers are exact."""

from __future__ import annotations

import json

import pytest

from constellation.admin.documents import document
from messages.admin import (
    CordonReport,
    NodeStatus,
    StatusReport,
)
from messages.base import Message
from messages.events import EventRow
from messages.listings import (
    NodeRow,
    NodesReport,
    ServiceRow,
    ServicesReport,
)
from messages.raft_member import RaftOrderDone
from messages.raft_reports import (
    HeldLease,
    LeaseRow,
    LeasesReport,
    RaftMemberRow,
    RaftReport,
)
from tests.admin.builders import (
    AGES_S,
    cluster_in_trouble,
    nodes_report,
    services_report,
    status_report,
    statuses,
)
from tests.admin.raft_builders import (
    heard,
    leads,
    lease,
    leases_report,
    raft_report,
    read,
    three_nodes,
)

STATUS = status_report(cluster_in_trouble(), statuses(), ("delta",))
NODES = nodes_report(cluster_in_trouble(), AGES_S)
SERVICES = services_report(cluster_in_trouble())
RAFT = raft_report(three_nodes(), "alpha", {"alpha": leads("alpha", heard("beta"))})
LEASES = leases_report(three_nodes(), "alpha", read(lease("dns-writer", "beta")))
REPORTS = [STATUS, NODES, SERVICES, RAFT, LEASES]

# A key may be added here; a program somewhere reads every one that is here already.
KEYS: dict[type[Message], set[str]] = {
    StatusReport: {
        "self_node", "is_cluster_known", "nodes_alive", "nodes_total", "services_healthy",
        "services_total", "degraded", "notes", "nodes", "unanswered", "leader", "leases",
        "absent",
    },
    HeldLease: {"name", "holder"},
    NodeStatus: {
        "node", "agent_version", "uptime_s", "actors", "parts", "troubles", "troubles_unlisted",
        "raft", "routes",
    },
    NodesReport: {"nodes", "degraded"},
    NodeRow: {
        "node", "state", "is_self", "address", "priority", "cordoned", "cordon_reason",
        "capabilities", "agent_version", "services_healthy", "services_total", "changed_ago_s",
    },
    ServicesReport: {"services", "degraded"},
    ServiceRow: {
        "service", "node", "instance", "health", "reason", "source", "image", "endpoints",
        "routable",
    },
    EventRow: {"ago_s", "node", "service", "subject", "what", "reason"},
    RaftReport: {
        "self_node", "condition", "cluster_id", "leader", "term", "has_quorum", "voters_answering",
        "voters_total", "voters_needed", "counted_by", "last_index", "commit_index",
        "journal_bytes", "members", "removed", "foreign_cluster_ids", "unanswered", "degraded",
        "notes",
    },
    RaftMemberRow: {
        "node", "is_self", "role", "is_voter", "state", "priority", "match_index", "behind",
        "heard_ago_s",
    },
    LeasesReport: {"self_node", "is_confirmed", "index", "leases", "no_candidates", "degraded"},
    LeaseRow: {"name", "holder", "holder_state", "fencing_token", "ttl_s", "renewed_index"},
    RaftOrderDone: {"number", "is_done", "text"},
    CordonReport: {
        "node", "cordoned", "reason", "was_already", "services", "instances_total",
        "sole_services",
    },
}  # fmt: skip


@pytest.mark.parametrize("kind", KEYS, ids=lambda kind: kind.__name__)
def test_documents_have_exactly_the_published_keys(kind: type[Message]) -> None:
    assert set(kind.model_fields) == KEYS[kind]


@pytest.mark.parametrize("report", REPORTS, ids=lambda one: type(one).__name__)
def test_document_is_one_object_with_the_whole_report(report: Message) -> None:
    text = document(report)

    assert type(report).model_validate_json(text) == report
    assert set(json.loads(text)) == KEYS[type(report)]
    assert text.isascii()
    assert text.endswith("}\n")


def test_numbers_are_exact_and_lists_are_lists() -> None:
    content = json.loads(document(NODES))

    assert [row["changed_ago_s"] for row in content["nodes"]] == [
        42.0, 3.5, 11_530.4, 11_500.0, 200_000.0,
    ]  # fmt: skip
    assert content["nodes"][2]["capabilities"] == ["docker", "traefik"]
    assert content["nodes"][2]["is_self"] is True
