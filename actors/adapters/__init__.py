"""Adapters: thin and typed, for one outside system each.  A failure raises `AdapterError`.

The disk:
durable_file      replace, create and remove files durably; what to do when the disk refuses
retried_save      save a value in a thread, and again until the disk takes it
bounded_save      use the disk in a thread, and wait for it for a limited time
secret_file       a secret in a file that other users cannot read
private_directory  a directory of this user alone, at a path that nobody can redirect
node_directory    the data and runtime directory of an agent, and its lock
cluster_key       the secret shared by all nodes
node_names        the names that this node has had
node_identity     the key that signs this node's records
keyring_file      the gossip keys, sealed
gossip_memory     the incarnation and the addresses that gossip needs after a restart
raft_store        the journal of Raft
cordon_file       the cordon of this node
docker_memory     whether containers were watched on this host before
last_good_file    the last good body for Traefik

The network and this host:
gossip_transport  gossip's UDP and TCP sockets, and its timers
gossip_incoming   gossip's TCP connections from other nodes
gossip_keys       the gossip key ring: changed by order, saved, fetched from peers
gossip_metrics    the metrics of gossip
raft_metrics      the metrics of Raft
http_exchange     the requests and answers of one HTTP connection, by h11
http_check        asks services by HTTP whether they are well; imported only where it is needed
http_server       a small HTTP listener with limits
entry_point       whether an entry point of Traefik answers
docker            the Docker Engine
docker_exec       commands that Docker runs in containers
docker_knock      whether something listens where Docker should
docker_failure    why Docker did not answer, in words
docker_tls        the certificates for a Docker Engine behind TLS
tailscale         tailscaled
listening         whether an address and port can be listened on, and why not
address_source    with which public address a source is asked from here
dns_metrics       what the writer of DNS records counts
rfc2136           a name server that takes dynamic updates; imported only where it is needed
rfc2136_view      what concerns us of a zone that was transferred
rfc2136_update    from a change to one update with its prerequisites
rfc2136_records   records in the forms of DNS, and the owner marks beside them
rfc2136_failure   what follows from a name server's refusal or silence
tailnet_address   this machine's address in the tailnet, and the seeds in it
running_agents    the agents that run on this host
environment       removes secrets from the environment, and from what /proc shows of it
parts             which optional parts are missing on this host
cloudflare        zones at Cloudflare, by its SDK; imported only in a process of its own
cloudflare_failure  what Cloudflare's errors mean
dns_process       starts that process, and sends it one call at a time
dns_worker        is that process
dns_frames        the frames between the two
dns_credentials   with what the provider of DNS is asked: from settings and files
hook_program      runs a program of the operator, and ends it with all that it started
systemd           notifications to systemd
run_queue         how long a process has waited for the processor
tcp_check         who accepts TCP connections, many at a time
"""
