"""The operator's command, `constellation`.

main      the options, the exit codes, and all commands
__main__  `python -m constellation.cli`
session   asks the agent of this host, and prints the answer as a table or as JSON
cluster   `status`, `nodes`, `services` and `events`
cordon    `cordon` and `uncordon`
keys      `keys`
raft      `raft`, `leases` and `transfer`
routes    `explain` and `rejected`

Each module of commands has a function `add_commands`, which adds them to the application.
"""
