"""Service monitoring: from what is seen of a service to what the cluster is told of it.

health           observations of one service -> its health, with hysteresis
claims           which of several instances with one service name speaks for it
roster           which service has a monitor: created, restarted, retired, limited
container        one container, read from what the Docker Engine says of it
published_ports  port bindings of a container -> endpoints other nodes can reach
container_address  the address of a container in its own network
role             whether an instance takes writes: a label, or a line its health check prints
stop_signal      the signal that asks a container to stop
draining         who was asked to stop and still runs
service_name     container -> service name, a DNS label
inventory        Docker events and full looks -> observations of services; stalled streams
"""
