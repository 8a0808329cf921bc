"""One process of the fuzzer: ``python -m tests.fuzz.child TARGET FOLDER [libFuzzer's options and corpora]``.

`tests.fuzz.__main__` starts it. Its memory is limited to `MEMORY` more than it has at rest; the code of `golden` is
instrumented, so that inputs which reach something new are kept and changed further.
"""

import resource
import sys
from random import Random

import atheris

with atheris.instrument_imports(include=["golden"], enable_loader_override=False):
    from tests.fuzz.targets import TARGETS

from tests.fuzz.mutate import MUTATORS

__all__ = ["MEMORY", "limit_memory"]

MEMORY = 1 << 29  #: bytes


def limit_memory(more):
    """Let this process have ``more`` bytes of address space beyond what it has."""
    with open("/proc/self/statm") as file:
        at_rest = int(file.read().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (at_rest + more,) * 2)


def main():
    """The process."""
    _, name, folder, *options = sys.argv

    def change(data, max_size, seed):
        random = Random(seed)
        if random.randrange(2):
            changed = MUTATORS[name](data, random)
            if changed != data and len(changed) <= max_size:
                return changed
        return atheris.Mutate(data, max_size)

    def execute(data):
        TARGETS[name](data, folder)

    atheris.Setup([sys.argv[0], *options], execute, custom_mutator=change)
    limit_memory(MEMORY)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
