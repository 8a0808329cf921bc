"""From a histogram of tokens to the table that costs least, its own record in the header included."""

from .header import table_nibbles
from .normalize import coding_cost, normalize
from .rate import exact_rate
from .search import search, search_counts, spread_tuned
from .table import Alphabet, Table

__all__ = ["coding_cost", "exact_rate", "fit", "normalize", "record_bits", "search", "search_counts", "spread_tuned"]


def record_bits(table: Table) -> int:
    """Bits of the table's record in the header."""
    return 4 * len(table_nibbles(table))


def fit(alphabet: Alphabet, frequencies, table_log: int, rounds: int = 0, seed: int = 0) -> tuple[Table, float]:
    """The table for tokens of these frequencies, and the bits that they and the table's record take.

    A table with a slot list is taken only where the bits that it saves pay for the list.

    Parameters
    ----------
    alphabet : Alphabet
    frequencies : sequence of int
        How often each token of the alphabet occurs, shape (alphabet.size,).
    table_log : int
        R.
    rounds : int
        Rounds of `search_counts` and of `search`; 0 for neither.
    seed : int
        Of `search`.

    Returns
    -------
    tuple of (Table, float)
        The bits are without raw bits.

    Raises
    ------
    ConfigError
        If more tokens occur than the table has slots.
    """
    total = float(sum(frequencies))
    best = Table(alphabet, table_log, normalize(frequencies, table_log))
    if rounds:  # Other counts may take more nibbles in the record than they save in tokens.
        best = min(best, search_counts(best, frequencies, rounds),
                   key=lambda table: total * exact_rate(table, frequencies) + record_bits(table))
    bits = total * exact_rate(best, frequencies)
    tuned = Table(alphabet, table_log, best.counts, tuple(spread_tuned(best.counts, frequencies)))
    list_bits = record_bits(tuned) - record_bits(best)
    if bits - coding_cost(frequencies, frequencies) > list_bits > 0:
        if rounds:
            tuned = search(tuned, frequencies, seed, rounds)
        tuned_bits = total * exact_rate(tuned, frequencies)
        if tuned_bits + list_bits < bits:
            best, bits = tuned, tuned_bits
    return best, bits + record_bits(best)
