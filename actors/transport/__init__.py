"""The actor system's own transport, in place of Thespian's, and how its processes start.

payload      a message as bytes: ours as in `constellation.wire`, Thespian's by allow-list
connection   a socket in frames, with a bounded queue
local_links  Unix sockets between the processes of a node
peer_links   authenticated TCP between nodes
reactor       one selector and the timers of one process
delivery     where an envelope goes, and where it came from
transport    what Thespian asks of a transport
system_base  the actor system: its admin process, and children by fork
process      a process's ties to its parent, and what an earlier life left behind
"""
