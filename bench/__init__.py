"""Benchmarks of the shipped program.  `make bench-NAME` runs bench/NAME.py; see `figures`."""
