"""Whether the cluster is well: the one place where that is decided.

troubles  what the actors of one node report to be wrong
"""
