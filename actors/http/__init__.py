"""The HTTP actor: Traefik's provider, health and metrics.

actor    builds the dynamic configuration, and keeps the listener up
pages    answers each request
metrics  what the listener counts
routes   answers the admin actor's questions about routes
"""
