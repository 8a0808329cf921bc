"""How much memory a process of the fuzzer may take."""

import resource

__all__ = ["MEMORY", "limit_memory"]

MEMORY = 1 << 29  #: bytes beyond what the process has at rest


def limit_memory(more):
    """Let this process have ``more`` bytes of address space beyond what it has; then a `MemoryError` is raised."""
    with open("/proc/self/statm", encoding="ascii") as file:
        at_rest = int(file.read().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (at_rest + more,) * 2)
