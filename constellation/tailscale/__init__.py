"""Tailscale discovery: what tailscaled says, what state that is, and who the seeds are."""
