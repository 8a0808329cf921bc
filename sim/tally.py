"""Counts of what became of corrupted streams, and the bound on the rate of those that nothing noticed."""

from collections import Counter

import numpy as np

from hw.errors import ErrorCode

__all__ = ["COLUMNS", "row", "table", "upper_bound"]

CONFIDENCE = 0.95
COLUMNS = {  # what is counted together: title, names of `sim.verdicts.Outcome.how`
    "header": {code.name for code in ErrorCode if ErrorCode.MAGIC.value <= code.value <= ErrorCode.SEGMENT.value},
    "cut": {ErrorCode.TRUNCATED.name},
    "words' CRC": {ErrorCode.WORDS_CRC.name},
    "end state": {ErrorCode.END_STATE.name},
    "words left": {ErrorCode.WORDS_LEFT.name},
    "right": {"right"},
    "left": {"left"},
    "other": {"other"},
}


def upper_bound(found: int, of: int) -> float:
    """The greatest rate with which so few of so many are found with a probability of 5 % (Clopper and Pearson)."""
    if found == of:
        return 1.0
    logs = np.log(np.arange(1, of + 1))
    factorials = np.concatenate([[0.0], np.cumsum(logs)])
    counts = np.arange(found + 1)
    choices = factorials[of] - factorials[counts] - factorials[of - counts]
    low, high = found / of, 1.0
    for _ in range(60):
        rate = (low + high) / 2
        likely = np.exp(choices + counts * np.log(rate) + (of - counts) * np.log1p(-rate)).sum()
        low, high = (rate, high) if likely > 1 - CONFIDENCE else (low, rate)
    return high


def row(counts: Counter) -> list:
    """Of one kind: how many there are, those of each of `COLUMNS`, and the bound on the rate of the last."""
    of = sum(counts.values())
    found = [sum(counts[name] for name in names) for names in COLUMNS.values()]
    return [of, *found, upper_bound(found[-1], of)]


def table(title: str, rows: dict[str, Counter]) -> str:
    """A table in Markdown, with all rows together as its last one."""
    together = sum(rows.values(), Counter())
    lines = [f"| {' | '.join([title, 'streams', *COLUMNS, 'other, at most'])} |", "|---" * (len(COLUMNS) + 3) + "|"]
    for name, counts in [*rows.items(), ("together", together)]:
        if counts:
            *numbers, bound = row(counts)
            lines.append(f"| {' | '.join([name, *(f'{number:,}' for number in numbers), f'{100 * bound:.2g} %'])} |")
    return "\n".join(lines)
