"""The actor system's own transport, in place of Thespian's, and how its processes start.

payload          a message as bytes: ours as in `constellation.wire`, Thespian's by allow-list
system_messages  that list, and what each of Thespian's messages may hold
reactor          one selector and the timers of one process
connection       a socket in frames, with a bounded queue
local_links      Unix sockets between the processes of a node
peer_links       connections to other nodes
peer_inbound     connections from other nodes, and from operators' commands
peer_connection  what both ends of these share
delivery         where an envelope goes, and where it came from
transport        what Thespian asks of a transport
system_base      the actor system: its admin process, and children by fork
process          processes by fork, their ties to their parent, and what an earlier life left
stats            what is counted of all this
"""
