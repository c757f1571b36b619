"""The demonstration: three agents, their services and a real Traefik on this machine.

stage      the agents, services and Traefik: starts, kills and restarts them
narration  the output for each step, for a person or for a program
story      the steps, and what must hold in each
"""
