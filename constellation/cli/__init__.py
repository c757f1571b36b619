"""The operator's command, `constellation`.

main      finds the command, runs it, and ends with its exit code
__main__  `python -m constellation.cli`
manual    every command with its arguments, its options and its help
command   what the manual says of a command: its names, its arguments and its options
parser    a command line, read by argparse as the manual says
session   asks the agent of this host, and prints the answer as a table or as JSON
status    `status`
cluster   `nodes`, `services` and `events`
cordon    `cordon` and `uncordon`
keys      `keys`
keygen    `keygen`
completion  `completion`: a script for the shell
raft      `raft`, `leases` and `transfer`
routes    `explain` and `rejected`

Each command is a function that takes what `manual` declares; its module is loaded when it runs.
"""
