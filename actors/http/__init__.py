"""The HTTP actor: Traefik's provider, health and metrics.

actor        follows the cluster, builds the dynamic configuration, keeps the listener up
large_build  builds of large clusters, without the collector of cyclic garbage
pages        answers each request from memory
metrics      the listener's metrics
ingress      asks this node's Traefik whether requests get through
scraping     asks all actor processes for theirs when the page is asked for
wellness     this node's Traefik and routes, and the problems of the cluster
routes       answers the admin actor's questions about routes
"""
