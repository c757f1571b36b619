"""Metrics of all actor processes of a node on one page.

names       values of labels in the form that Prometheus uses
scrape      which actors are asked, and which have answered
exposition  merges the latest report of each actor, and renders the page for Prometheus
"""
