"""Every command with its arguments, its options and its help; the functions are elsewhere.

So the program knows all its commands, and loads only the one that runs.
"""

from __future__ import annotations

from constellation.cli.command import Argument, Command, Option

DEFAULT_CONFIG = "/etc/constellation/agent.toml"

SHELLS = ("bash", "zsh")

_JSON = Option("--json", "as_json", "One JSON object, for programs.")
_NODE = Argument("NODE", "node", "A node's name.")
_KEY = Argument("ID", "key_id", "A key's id, or its first 4 or more digits.")

PROGRAM = Command(
    "",
    "Ask the agent of this host about its cluster.",
    options=(
        Option(
            "--config",
            "config",
            "The agent's settings.  Default: the file that CONSTELLATION_CONFIG names, else "
            f"{DEFAULT_CONFIG} if it exists.",
            value="FILE",
        ),
        Option(
            "--set",
            "assignments",
            "One setting; may be repeated.",
            value="NAME=VALUE",
            is_repeatable=True,
        ),
        Option("--version", "version", "Show the version."),
    ),
    epilog="Exit codes:\n"
    "  0  all is well\n"
    "  1  not answered, or a wrong request; one line on standard error says why\n"
    "  2  answered, and something is degraded",
)

CLUSTER = (
    Command(
        "status",
        "Show what is wrong with the cluster, and how to fix it.",
        "constellation.cli.status:status",
        "Show whether the cluster is well, what is wrong with it, and how to fix that.",
        options=(
            Option("--verbose", "verbose", "Also list optional parts that hosts do not have."),
            _JSON,
        ),
    ),
    Command(
        "nodes",
        "List the nodes of the cluster.",
        "constellation.cli.cluster:nodes",
        options=(_JSON,),
    ),
    Command(
        "services",
        "List the services of all nodes and their health.",
        "constellation.cli.cluster:services",
        options=(_JSON,),
    ),
    Command(
        "events",
        "List recent events, the newest first.",
        "constellation.cli.cluster:events",
        options=(_JSON,),
    ),
)

CORDON = (
    Command(
        "cordon",
        "Stop requests to a node's services.",
        "constellation.cli.cordon:cordon",
        "Stop requests to a node's services until the node is uncordoned.",
        arguments=(_NODE,),
        options=(
            Option(
                "--reason",
                "reason",
                "The reason, shown to others.",
                value="TEXT",
            ),
            _JSON,
        ),
    ),
    Command(
        "uncordon",
        "Resume requests to a node's services.",
        "constellation.cli.cordon:uncordon",
        arguments=(_NODE,),
        options=(_JSON,),
    ),
)

KEYS = (
    Command(
        "keys",
        "List and change the gossip keys of all nodes.",
        text="List and change the keys that encrypt gossip, on all nodes.",
    ),
    Command(
        "keys list",
        "List the keys and the nodes that have them.",
        "constellation.cli.keys:list_keys",
        options=(_JSON,),
    ),
    Command(
        "keys install",
        "Install a new key on all nodes.",
        "constellation.cli.keys:install",
        "Install a new key on all nodes: they decrypt with it, but do not encrypt yet.",
        options=(
            Option(
                "--stdin",
                "from_stdin",
                "Read the key, 64 hexadecimal digits, from standard input.",
            ),
            _JSON,
        ),
    ),
    Command(
        "keys use",
        "Encrypt with a key that all nodes have.",
        "constellation.cli.keys:use",
        arguments=(_KEY,),
        options=(_JSON,),
    ),
    Command(
        "keys remove",
        "Remove a key that is not in use from all nodes.",
        "constellation.cli.keys:remove",
        arguments=(_KEY,),
        options=(_JSON,),
    ),
    Command(
        "keys rotate",
        "Replace the keys of all nodes by a new one.",
        "constellation.cli.keys:rotate",
        "Install a new key, use it on all nodes, and remove the old ones; stop if a node "
        "refuses.\n\n"
        "Nodes that are away take over the new key when they come back, and never bring an old "
        "one back.  Without --force nothing is changed while a node is away: it cannot be told "
        "that a key, perhaps a stolen one, is no longer valid.",
        options=(
            Option("--force", "force", "Rotate without the nodes that are dead or do not answer."),
            _JSON,
        ),
    ),
)

RAFT = (
    Command(
        "raft",
        "Show the Raft cluster, or change its members.",
        "constellation.cli.raft:show_raft",
        "Show the leader of Raft and the progress of each member; or change the members.",
        options=(_JSON,),
    ),
    Command(
        "leases",
        "List the leases with their holders and fencing tokens.",
        "constellation.cli.raft:leases",
        options=(_JSON,),
    ),
    Command(
        "transfer",
        "Transfer the leadership to another voter.",
        "constellation.cli.raft:transfer",
        arguments=(_NODE,),
        options=(_JSON,),
    ),
    Command(
        "raft add",
        "Add a node, or one that was removed.",
        "constellation.cli.raft:add",
        "Add a node, or one that was removed: it joins as a learner and becomes a voter later.",
        arguments=(_NODE,),
        options=(_JSON,),
    ),
    Command(
        "raft remove",
        "Remove a node; it stays out until it is added again.",
        "constellation.cli.raft:remove",
        "Remove a node from the Raft cluster; it stays out until it is added again.",
        arguments=(_NODE,),
        options=(_JSON,),
    ),
    Command(
        "raft promote",
        "Make a learner a voter.",
        "constellation.cli.raft:promote",
        arguments=(_NODE,),
        options=(_JSON,),
    ),
    Command(
        "raft demote",
        "Make a voter a learner.",
        "constellation.cli.raft:demote",
        "Make a voter a learner: it keeps the log, and does not count for the quorum.",
        arguments=(_NODE,),
        options=(_JSON,),
    ),
)

ROUTES = (
    Command(
        "explain",
        "Show how requests for a name are routed.",
        "constellation.cli.routes:explain",
        "Show how requests for a host name or a service are routed on this node, or why not.",
        arguments=(Argument("NAME", "subject", "A host name or URL, or a service."),),
        options=(_JSON,),
    ),
    Command(
        "rejected",
        "List what is left out of the routes.",
        "constellation.cli.routes:rejected",
        "List the labels and services left out of the routes, why, and how to fix them.",
        options=(_JSON,),
    ),
)

DNS = (
    Command(
        "dns",
        "List the DNS records of the cluster.",
        "constellation.cli.dns:show_records",
        "List the DNS records of the cluster, those of others at the same names, and the latest "
        "changes, as the node that writes them knows them.",
        options=(_JSON,),
    ),
    Command(
        "dns plan",
        "Compare with the zones, and change nothing.",
        "constellation.cli.dns:plan",
        "Compare with the zones now, and show what would be changed.",
        options=(_JSON,),
    ),
    Command(
        "dns apply",
        "Compare with the zones, and change what differs.",
        "constellation.cli.dns:apply",
        "Compare with the zones now, and change what differs, without waiting for the next "
        "comparison.",
        options=(
            Option(
                "--force",
                "force",
                "Also delete more records than dns.deletes_max, and overwrite a higher token.",
            ),
            _JSON,
        ),
    ),
)

HERE = (
    Command(
        "keygen",
        "Print a new cluster key.",
        "constellation.cli.keygen:keygen",
        "Print a new cluster key; write it to the same file on every node.",
    ),
    Command(
        "completion",
        "Print a script that completes commands in a shell.",
        "constellation.cli.completion:completion",
        "Print a script that completes commands and options in bash or zsh.  For bash, add to "
        "~/.bashrc:  source <(constellation completion bash)",
        arguments=(Argument("SHELL", "shell", f"{' or '.join(SHELLS)}."),),
    ),
)
