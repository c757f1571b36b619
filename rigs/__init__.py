"""Real components for tests, the demo and the benchmarks; nothing here needs pytest but `fixtures`.

availability   which components this machine has, and why one cannot be had
processes      a program in its own session, waited for and stopped by process id
ports          TCP and UDP ports that nobody uses
subnets        IPv4 networks of 100.64.0.0/10 that nobody uses
docker_engine  a private Docker Engine
traefik        Traefik with the HTTP provider
prometheus     Prometheus and promtool
serf           a Serf agent, which speaks HashiCorp memberlist
netns          several hosts on one machine: network namespaces on one bridge
http_backend   a small HTTP service, as a script of its own
fixtures       the above as pytest fixtures
"""
