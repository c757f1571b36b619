"""DNS records that follow the cluster: what they should be, and how the zone is brought to that.

names           DNS names in the one form in which they are compared
contents        contents of records in the one form in which they are compared
mark            the comment by which records are ours, with the writer's fencing token
intents         what is wanted at a name: these records, or no change
pointing        to which addresses the domain and each node's name should point
desired         which records are wanted, from the cluster, the leader and the settings
departed        since when our records have not been wanted by anything
plan            what to change in a zone, as a value
plan_name       the same for one name
plan_parts      what a plan is made of
consistency     what was written a moment ago, and lists do not show yet
zone_writer     the rounds of one zone: list, plan, change; and what failures lead to
budget          how often the provider may be called
writer          all zones of a node, one call at a time
public_address  this node's public addresses, from what sources say
reporting       what the writer tells operators
lookup          which record answers for a host name, and where it leads
refusals        what they are told if it does not answer
"""
