"""The clock of leases."""

from __future__ import annotations

from typing import NewType

# Seconds of CLOCK_BOOTTIME, which goes on while the machine is suspended.  Only the shell's
# `boot_now_s` makes one, so the type checker rejects every other clock where a lease is measured.
BootSeconds = NewType("BootSeconds", float)
