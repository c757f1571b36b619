"""The actor system's own transport, which replaces Thespian's, and how its processes start.

payload          encodes messages: ours by `constellation.wire`, Thespian's by an allow-list
system_messages  that allow-list, with the permitted attributes of each message
reactor          one selector and the timers of one process
connection       a socket split into frames, with a bounded queue
local_links      Unix sockets between the processes of a node
peer_links       connections to other nodes
peer_inbound     connections from other nodes and from operators' commands
peer_connection  what both ends of such a connection share
handover         passes a connection from another node on to the process of its actor
delivery         routes envelopes between processes and nodes
conversation     a command's messages to the actors of a node, and their answers
actor_loop       the actors of one process, with an inbox for each
transport        implements Thespian's transport interface
managers         Thespian's managers of actors, in a process of their own and in a host
system_base      the actor system: its admin process, and children by fork
process          forked processes, tied to their parent; ends those of an earlier run
stats            counters of all this
"""
