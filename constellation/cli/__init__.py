"""The operator's command, `constellation`.

main     the commands about the whole cluster, and the exit codes
session  asks the agent of this host, and prints the answer as a table or as JSON
cordon   `cordon` and `uncordon`
keys     `keys`
raft     `raft`, `leases` and `transfer`
routes   `explain` and `rejected`
"""
