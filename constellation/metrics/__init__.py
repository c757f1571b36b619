"""Metrics of all actor processes of a node on one page.

exposition   the latest report of each actor, merged by family, as Prometheus reads it
"""
