"""Decides: the pure cores of the agent.  (state, input, now) in, (state, effects) out.

errors         every error that is raised on purpose
effects        what a core may ask its shell to do
value          the base of small immutable things
wire           messages as bytes
near_names     which known name was meant by one that is spelled almost like it
log            structured logging: the loggers of all modules
log_output     how an event becomes a line, and where it goes
log_budget     how many lines each kind of event may write
browser_guard  which requests a page in a browser may have sent
lateness       how late this process is, and so how patient it must be with others
saving         whether a file of the data directory can be saved, reported on change
start          the agent's door: `python -m constellation.start`
cli            the operator's command
cluster_view   the cluster as a reader knows it
peers          where the actor systems of the other nodes are
registry       the actors of a node, one entry each
settings       every setting of the agent, and where its value comes from
transport      frames, sessions and addresses of the actor system
gossip         SWIM membership and the cluster's replicated records
monitor        observations of a service -> its health
metrics        metrics of all actor processes of a node, on one page
dns            cluster state -> DNS records, and rounds that bring zones to them
traefik        cluster state -> Traefik's dynamic configuration
admin          cluster state -> answers for the operator, as tables and JSON
supervision    when to start an actor again, and when to give up
wellness       whether the cluster is well, and if not, why
"""

import os

# Pydantic would read the metadata of all installed packages for plugins.  None is wanted: one that
# came with another program could change what messages and settings may contain.
os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")

__version__ = "0.1.0"
