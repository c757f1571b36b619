"""Acts: thin Thespian shells around the cores of `constellation/`, and all I/O.

transport/    the actor system's own transport and process start
shell         what every actor shares: start, directory, tick, metrics
async_shell   a shell whose work runs on an asyncio loop in a thread of its process
node          this process's settings, inherited by fork
guardian      the agent's first process: watches over the actor system, takes signals
node_life     one life of the actor system, as the guardian sees it
supervisor    starts the node's actors, and starts them again
gossip        membership and cluster state
services      parent of the monitors, one for each service: monitor
docker        watches the containers of this host
checks        checks the static services
http          Traefik's provider, health, metrics
admin         answers the operator
operator_client  asks an agent from outside
adapters/     one outside system each
"""
