"""DNS records that follow the cluster: what they should be, and how the zone is brought to that.

names      DNS names in the one form in which they are compared
mark       the comment by which records are ours, with the writer's fencing token
"""
