"""Real components for tests, the demo and the benchmarks.

Whole agents, and what tests use to talk to them:
agents           agents on loopback addresses or in network namespaces
actor_client     a client that exchanges messages with any actor of an agent
raft_lab         questions to the Raft actors of running agents
lease_writer     an agent with an extra actor that acts on leases
failing_disk     an agent whose disk fails to sync
small_disk       a small file system of its own, and how to fill it
load             continuous requests through Traefik

Programs and hosts:
docker_engine    a private Docker Engine
socket_proxy     a proxy of Docker's socket over TCP
traefik          Traefik with the HTTP provider
shipped_traefik  the static configuration of Traefik in `deploy/`, as flags
prometheus       Prometheus and promtool
bind             a BIND name server with a zone that takes dynamic updates
serf             a Serf agent, which uses HashiCorp memberlist
cloudflare       a double of Cloudflare's API
cloudflare_zone  the records of one of its zones
tailnet          a tailnet of network namespaces, with Headscale and tailscaled
netns            several hosts on one machine: network namespaces on one bridge
relay            passes TCP connections on, into a network namespace for example
http_backend     a small HTTP service, as a script of its own

What they are made of:
processes        a program in its own session, awaited and stopped by process id
patience         time limits that grow with the slowness of the machine
claims           names that one process of this machine holds at a time
ports            unused TCP and UDP ports
loopback         unused addresses of 127.0.0.0/8
subnets          unused IPv4 networks
go_programs      programs in Go, compiled once on a machine
availability     which components this machine has, and why one is not available

For pytest, which nothing else here needs:
fixtures         the components as fixtures
needs            the mark `needs`: skip a test whose component is not available
worker_groups    how pytest-xdist divides the tests over its workers
"""
