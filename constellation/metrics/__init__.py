"""Metrics of all actor processes of a node on one page.

names       values of labels in the form that Prometheus uses
exposition  merges the latest report of each actor, and renders the page for Prometheus
"""
