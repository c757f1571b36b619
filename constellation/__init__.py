"""Decides: the pure cores of the agent.  (state, input, now) in, (state, effects) out.

errors, effects, wire, log           shared by every feature
cluster_view, peers                  the cluster as a reader knows it, and who can be asked in it
settings      every setting of the agent, and where its value comes from
transport     frames, sessions and addresses of the actor system
gossip        SWIM membership and the cluster's replicated records
monitor       observations of a service -> its health
traefik       cluster state -> Traefik's dynamic configuration
admin         cluster state -> answers for the operator, as tables and JSON
supervision   when to start an actor again, and when to give up
"""

__version__ = "0.1.0"
