"""The demonstration: three agents, their services and a real Traefik on this machine.

stage      what runs: starts it, kills parts of it, and starts those again
narration  what a person or a program is told of each step
story      the steps, with what must hold in each
"""
