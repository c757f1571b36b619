"""Traefik's HTTP provider: from the cluster's state to the body that Traefik polls.

schema                  what Traefik's configuration may hold, and since which version
label_tree              labels as a tree
label_decode            one element, read from its labels by the schema
labels                  everything the labels of one container ask for
rule, go_regexp         can Traefik parse it
known_protocols         databases that are known by their image
elements                routers, services and middlewares that an instance brings, by name
instance_plan           one instance: its elements, and what is wrong with it
host_names, naming      the names of what labels do not name
places                  each node: how its instances are reached, may they be routed to
reach                   how one port of an instance is reached
merging, scopes         one name that several instances, or services, define
service_servers         the instances behind a service: which get requests, and why not
service_parts           a service with its servers; near ones first
routers, references     a router with its service and middlewares; what is missing of them
composition             all of it, made anew only where something changed
document                the canonical body, in pieces
dynamic_configuration   the body, and what had to be left out
settling                which body to serve while this node does not know everything yet
last_good               the body that survives a restart
provider                follows the cluster, and says which body Traefik gets now

Traefik refuses a whole body for one unknown key or one empty object, and then keeps silent
about it.  So nothing reaches the body that was not checked here first; what fails a check is
left out alone, and listed as a `Rejection`.
"""
