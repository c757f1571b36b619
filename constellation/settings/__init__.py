"""Every setting of the agent: its unit, range and default, and where its value comes from.

agent       all settings in one model, with the groups that have no module of their own
node        what an operator's command needs too: the address, the files and the key of the agent
dns         the group `dns`
docker      the group `docker`
gossip      the group `gossip`
http        the group `http`
monitor     the group `monitor`, and the elements of `static_services`
raft        the groups `raft` and `leases`
supervisor  the group `supervisor`
tailscale   the group `tailscale`
traefik     the group `traefik`
warp        the group `warp`
addresses   checks addresses, and shows the form that was probably meant
label_texts  labels in each form in which people write them
listeners   what listens where, and that no two have the same port
types       the base of every group, and the value types that groups share
source      reads the file, the environment and the command line
file        parses a TOML or YAML file
yaml_form   parses YAML strictly
names       dotted names of settings, and what a misspelt one may have meant
complaint   one line about one wrong value
"""
