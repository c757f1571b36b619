"""Run the operator's command as `python -m constellation.cli`."""

from constellation.cli.main import main

main()
