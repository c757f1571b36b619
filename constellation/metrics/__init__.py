"""Metrics of all actor processes of a node on one page.

exposition  merges the latest report of each actor, and renders the page for Prometheus
"""
