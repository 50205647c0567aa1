"""The kernel's properties are tried on the same examples each time, whatever the machine's speed."""

from hypothesis import settings

settings.register_profile("kernel", deadline=None, derandomize=True)
settings.load_profile("kernel")
