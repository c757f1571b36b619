"""Service monitoring: turns what is observed of a service into the state that gossip publishes.

health             observations of one instance -> its health, with hysteresis
claims             which of several containers with one instance name represents it
roster             which instance has a monitor: created, restarted, retired, limited
container          one container, read from an inspection by the Docker Engine
container_row      one row of a listing of the containers
container_network  where a container is reached, and what is unusual about it
container_address  the address of a container in its own network
docker_endpoint    where the Docker Engine listens: a socket, or an address
not_inspectable    containers whose inspection does not answer in time
row_inspection     a row of a listing in place of an inspection that does not answer
watch_labels       whether labels ask that a container is watched, and labels that nearly do
unwatched          containers that ask for routes and are not watched
complaints         what is logged about containers, once for each
troubles           what does not work with the containers of this host, for people
renames            running containers that were renamed a moment ago
docker_event       one event of the Docker Engine
engine_facts       what the Docker Engine says of itself
network_lender     networks that one container lends to another
published_ports    port bindings of a container -> endpoints other nodes can reach
role               whether an instance takes writes: by a label, or by its health check
stop_signal        the signal that asks a container to stop, and its stop timeout
draining           containers that were asked to stop and still run
service_name       container -> the names of its service and of the instance
static_check       a check of a service outside Docker, as an observation
check_plan         when each service outside Docker is checked
check_results      which results of checks are news
inventory          Docker events and listings -> observations of services; stalled streams
"""
