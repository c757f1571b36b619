"""When to start an actor again, and when to give up.

restart  back-off and intensity limit of one actor
watch    all actors of one supervisor: start order, liveness questions, restarts, the end
process_effects  what its shell, or the parent of the monitors, is asked to do
"""
