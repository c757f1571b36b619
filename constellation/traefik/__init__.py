"""Traefik's HTTP provider: from the cluster's state to the body that Traefik polls.

labels                  what a container's labels ask for, checked one by one
rule                    is this a rule that Traefik can parse
endpoints               which published endpoint serves HTTP, as a URL
instance_plan           one instance: its servers, its routers, what is wrong with it
http_routers            all instances: routers and services of HTTP
dynamic_configuration   the canonical body, and what had to be left out
settling                which body to serve while this node does not know everything yet
last_good               the body that survives a restart
provider                follows the cluster, and says which body Traefik gets now

Traefik refuses a whole body for one unknown key or one empty object, and then keeps silent
about it.  So nothing reaches the body that was not checked here first; what fails a check is
left out alone, and listed as a `Rejection`.
"""
