"""The processes that `bench.provider` measures, and their cluster.

build_times  builds and rebuilds the body of a cluster
cluster      the state of the cluster, as gossip sends it
http_node    the HTTP actor of one node
poller       polls the body on persistent connections
publisher    an agent that publishes records of services
visible      how soon a change is in the bodies of other agents
"""
