"""One process of the fuzzer: ``python -m tests.fuzz.child TARGET FOLDER [libFuzzer's options and corpora]``.

`tests.fuzz.__main__` starts it. Its memory is limited by `tests.fuzz.limits`. The code of `golden` is instrumented, so
that inputs which reach something new are kept and changed further.
"""

import sys
from random import Random

import atheris

with atheris.instrument_imports(include=["golden"], enable_loader_override=False):
    from tests.fuzz.targets import TARGETS

from tests.fuzz.limits import MEMORY, limit_memory
from tests.fuzz.mutate import MUTATORS

__all__ = ["main"]


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
