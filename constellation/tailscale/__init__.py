"""Tailscale discovery: the other nodes of the cluster, as found in a tailnet.

tailnet    what tailscaled reports of this machine and its peers
condition  the state of Tailscale on this host, with the reason and the fix
seeds      which machines are seeds to join through
discovery  answers of tailscaled over time -> messages for other actors
"""
