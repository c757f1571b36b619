"""Acts: thin Thespian shells around the cores of `constellation/`, and all I/O.

`constellation/registry.py` names every actor of a node.  Beside those there are:

transport        the actor system's own transport, and how processes start
shell            what every actor shares: start, neighbours, cluster, tick, metrics, failure
shell_counters   what every process counts
parent_shell     shells of actors with children
host             the main actor of a process in which several light actors live
async_shell      a shell whose work runs on an asyncio loop in a thread of its process
lease_holder     shells that act on leases; there is no other way to act on one
daemon_thread    blocking work for an asyncio loop
metrics_report   the metrics of one actor as a message
node             this process's settings and cluster key, inherited by fork
shared_pages     makes forked processes share memory with the one they come from
start            the start of an agent, once its settings are loaded
guardian         the agent's first process: watches the actor system, handles signals
start_checks     what the start would refuse on this machine, found out without changing it
node_life        one life of the actor system, as the guardian sees it
supervisor       starts and restarts the node's actors
monitor          the health of one service; `services` is the parent of all monitors
operator_client  sends the operator's request to an agent and waits for the answer
adapters         one outside system each
"""
