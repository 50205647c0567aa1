"""The journal in words of other programs: ``powerwarden export``. Reads a journal; never writes one."""
