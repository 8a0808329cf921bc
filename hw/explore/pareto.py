"""Which rows of a sweep are worth having: the Pareto front, and the three a user would want."""

__all__ = ["front", "named", "speed"]


def speed(row: dict) -> float:
    """Weights per second; weights per cycle where there is no clock, of area only."""
    return row.get("weights_per_second") or row["weights_per_cycle"]


def front(rows) -> list[dict]:
    """The rows that no other beats in both size and speed, the smallest first; of equal ones the first."""
    kept = []
    for row in sorted(rows, key=lambda row: (row["lut"], -speed(row))):
        if not kept or speed(row) > speed(kept[-1]):
            kept.append(row)
    return kept


def named(rows) -> dict[str, dict]:
    """The smallest, the one with the most weights per second and LUT, and the fastest; all three are on the front."""
    kept = front(rows)
    if not kept:
        return {}
    return {"smallest": kept[0], "best per LUT": max(kept, key=lambda row: speed(row) / row["lut"]),
            "fastest": kept[-1]}
