"""How near the encoder's tables come to the entropy, without and with ``--search``: ``python -m tests.bench_tables``.

Excess of the words over the Shannon entropy of the weights by their own histograms; for the Laplacian sources, whose
true probabilities are known, also of the exact rate of the table over the entropy of the source. Tables in the header
are counted in the columns "with records" only. With V = 1 the encoder chooses M by size alone.
"""

import argparse
import json

import numpy as np
from tqdm import tqdm

from golden.figures import entropy
from golden.network import encode_stream
from golden.rate import exact_rate
from golden.tokens import split_lanes, tokenize
from golden.tune import coding_cost, record_bits

from .sources import laplacian, laplacian_probabilities, real_network, shared_folder, token_probabilities

LAPLACIAN = [  # bins, bits per weight, options, target in percent or None
    *((3, bits, {"table_log": 6, "vector": vector}, 0.3) for vector in (1, 8) for bits in (0.4, 0.6, 1.0)),
    (3, 0.4, {"table_log": 6, "vector": 8, "max_run": 6}, 0.3), (3, 0.4, {"table_log": 6, "vector": 4}, 0.3),
    *((7, bits, {"table_log": 8}, 0.2) for bits in (1.0, 1.5, 2.0)),
    *((15, bits, {"table_log": 8}, 0.2) for bits in (2.0, 3.0)),
    (3, 0.4, {"table_log": 7, "vector": 8}, None),
    (7, 1.0, {"table_log": 9}, None), (7, 1.0, {"table_log": 10}, None),
    (15, 2.0, {"table_log": 10}, None), (15, 2.0, {"table_log": 11}, None),
]
SETTINGS = [(3, 6, 0.3), (7, 8, 0.2), (15, 8, 0.2)]  # bins, R, target of the real networks
REAL = [*(("resnet8", setting, {}) for setting in SETTINGS), *(("kws", setting, {}) for setting in SETTINGS),
        *(("kws", setting, {"word_bits": 16}) for setting in SETTINGS),
        *(("kws", setting, {"word_bits": 16, "lanes": 4}) for setting in SETTINGS),
        *(("kws", setting, {"word_bits": 16, "own_tables": True, "raw_bits": 0}) for setting in SETTINGS)]


def measure(tensors, rounds, options):
    """The stream of a network, and its figures."""
    stream, _ = encode_stream(tensors, search_rounds=rounds, **options)
    config = stream.config
    flat = [tensor.reshape(-1) for tensor in tensors.values()]
    parts = np.split(np.concatenate(flat), np.cumsum([segment.weights for segment in stream.segments])[:-1])
    words = sum(8 * span.nbytes for span in stream.words)
    tokens = sum(len(tokenize(lane, stream.tables[segment.table].alphabet).index)
                 for segment, part in zip(stream.segments, parts)
                 for lane in split_lanes(part, config.lanes, config.vector))
    least = sum(entropy(weights.astype(np.int8)) for weights in flat)
    return stream, {"tokens": tokens, "words_percent": 100 * (words / least - 1),
                     "records_percent": 100 * sum(map(record_bits, stream.tables)) / least,
                     "ends_percent": 100 * config.lanes * (config.table_log + (config.word_bits - 1) / 2) / least}


def measure_both(name, tensors, bins, options, target, rounds):
    """One row: a network without and with the search."""
    plain_stream, plain = measure(tensors, 0, options)
    stream, found = measure(tensors, rounds, options)
    config = stream.config
    row = {"source": name, "bins": bins, "table_log": config.table_log, "lanes": config.lanes, "vector": config.vector,
           "word_bits": config.word_bits, "own_tables": bool(options.get("own_tables")), "max_run": config.max_run,
           "tables": len(stream.tables), "weights_per_token": sum(map(np.size, tensors.values())) / found["tokens"],
           "words_percent": plain["words_percent"], "words_searched_percent": found["words_percent"],
           "records_percent": plain["records_percent"], "records_searched_percent": found["records_percent"],
           "lists": sum(table.slots is not None for table in stream.tables),
           "lane_ends_percent": found["ends_percent"],
           "target_percent": target, "met": None if target is None else found["words_percent"] <= target}
    return row, plain_stream.tables, stream.tables


def rate_percent(table, probabilities):
    """Excess of a table's exact rate over the entropy of independent weights of these probabilities."""
    q = token_probabilities(probabilities, table.alphabet)
    return 100 * (exact_rate(table, q) / coding_cost(q, q) - 1)


def laplacian_row(bins, bits, options, target, arguments):
    """One Laplacian source, coded as one layer in one span."""
    weights = laplacian(bins, bits, arguments.weights, arguments.seed)
    row, plain, found = measure_both(f"Laplacian, {bits} bits", {"weights": weights}, bins,
                                     {"restart_every": 0, **options}, target, arguments.search)
    probabilities = laplacian_probabilities(bins, bits)
    if plain[0].alphabet.half == found[0].alphabet.half == bins // 2 and not found[0].alphabet.raw_bits:
        row |= {"rate_percent": rate_percent(plain[0], probabilities),
                "rate_searched_percent": rate_percent(found[0], probabilities)}
    return row


def rows(arguments, folder):
    """All rows; those of the real networks only where their folder is."""
    real = REAL if (folder / "resnet8.npz").is_file() else []
    with tqdm(total=len(LAPLACIAN) + len(real), disable=None) as bar:
        for row in LAPLACIAN:
            yield laplacian_row(*row, arguments)
            bar.update()
        for name, (bins, table_log, target), options in real:
            tensors = real_network(folder, name, bins)
            yield measure_both(name, tensors, bins, {"table_log": table_log, **options}, target, arguments.search)[0]
            bar.update()


def cells(row):
    """The cells of a row of the table: percentages with three digits, nothing where there is no figure."""
    percents = [row["words_percent"], row["words_searched_percent"], row["words_percent"] + row["records_percent"],
                row["words_searched_percent"] + row["records_searched_percent"], row.get("rate_percent"),
                row.get("rate_searched_percent"), row["lane_ends_percent"]]
    target = "" if row["target_percent"] is None else f"{row['target_percent']} {'met' if row['met'] else 'missed'}"
    return [row["source"], row["bins"], row["table_log"], f"{row['lanes']}, {row['vector']}, {row['word_bits']}",
            row["max_run"], f"{row['tables']}{' own' if row['own_tables'] else ''}", f"{row['weights_per_token']:.2f}",
            *("" if percent is None else f"{percent:.3f}" for percent in percents), target]


def print_table(found):
    """The rows as Markdown."""
    heads = ("source", "bins", "R", "N, V, W", "M", "tables", "weights per token", "words", "words, searched",
             "with records", "with records, searched", "rate", "rate, searched", "lane ends", "target")
    print(f"| {' | '.join(heads)} |\n|{len(heads) * '---|'}")
    for row in found:
        print(f"| {' | '.join(map(str, cells(row)))} |")


def main():
    """The command."""
    parser = argparse.ArgumentParser(prog="tests.bench_tables", description=__doc__.splitlines()[0])
    parser.add_argument("--weights", type=int, default=1_000_000, help="of each Laplacian source (default: 1000000)")
    parser.add_argument("--search", type=int, default=200, metavar="ROUNDS", help="of the search (default: 200)")
    parser.add_argument("--seed", type=int, default=0, help="of the Laplacian sources (default: 0)")
    parser.add_argument("--json", action="store_true", help="rows as JSON")
    arguments = parser.parse_args()
    folder = shared_folder()
    found = list(rows(arguments, folder))
    skipped = None if any(row["source"] == "kws" for row in found) else (
        f"resnet8 and kws are left out: no real networks in {folder}; TANSY_SHARED may name their folder")
    if arguments.json:
        print(json.dumps({"weights": arguments.weights, "search": arguments.search, "rows": found,
                          "skipped": skipped}, indent=2))
        return
    print_table(found)
    if skipped:
        print(f"\n{skipped}")


if __name__ == "__main__":
    main()
