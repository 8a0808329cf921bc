"""Changes of plain bytes and numbers, which the mutators of all formats share."""

__all__ = ["NUMBERS", "bytes_changed"]

NUMBERS = (0, 1, 2, 3, 7, 8, 15, 16, 63, 64, 127, 128, 255, 256, 4095, 4096, 65535, 65536, 1 << 24, (1 << 31) - 1,
           1 << 31, (1 << 32) - 1, 1 << 32, 1 << 40)


def bytes_changed(data, random) -> bytes:
    """Some bytes changed, cut, doubled or moved."""
    data = bytearray(data)
    if not data:
        return bytes([random.randrange(256)])
    first = random.randrange(len(data))
    last = min(len(data), first + random.choice((1, 1, 1, 2, 4, 8, 32, 256)))
    match random.randrange(6):
        case 0:
            data[first] ^= 1 << random.randrange(8)
        case 1:
            data[first:last] = random.randbytes(last - first)
        case 2:
            del data[first:last]
        case 3:
            data[first:first] = data[first:last]
        case 4:
            data[first:last] = random.choice((b"\0", b"\xff")) * (last - first)
        case 5:
            place = random.randrange(len(data))
            data[place:place] = data[first:last]
    return bytes(data)
