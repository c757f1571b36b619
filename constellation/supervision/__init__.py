"""When to restart an actor, and in which order a node starts and stops its actors.

policy           how patient a supervisor is
silence          how long a process may be silent before it counts as hung
restart          back-off and intensity limit of one actor
watch            all actors of a node: start, pings, restarts, stop
process_effects  what a core may ask of the parent of processes
"""
