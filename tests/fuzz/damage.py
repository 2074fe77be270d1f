"""Damage to the bytes of a file, as disks, transfers, editors and other programs do it."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from random import Random

HOSTILE = (
    b"\x00",
    b"\xef\xbb\xbf",
    b"\xff\xfe",
    b"\xff" * 8,
    b"\x1a\r\n",
    b'"',
    b"\n",
    b"\r",
    b",",
    b"\\ud800",
    b"\\u0000",
    b"\\u202e",
    b"\xed\xa0\x80",
    b"9" * 5000,
    b"[" * 100_000,
    b'{"a":' * 20_000,
    b"nan",
    b"1e999",
    b"-",
    b"x" * 140_000,
)
"""What is put somewhere into a file."""
VALUES = (
    b"null", b"[]", b"{}", b"-1", b"0", b"true", b'"x"', b'""', b"1e999", b"NaN", b"9" * 5000,
    b"18446744073709551616", b"4294967295", b"2147483648", b"[[1]]", b'{"a":1}', b'"\\u0000"', b'"\\ud800"',
)  # fmt: skip
"""What takes the place of a value of JSON or TOML."""
_VALUE = re.compile(rb'"(?:[^"\\\n]|\\.)*"|-?\d+(?:\.\d+)?|true|false|null')
_NUMBER = re.compile(rb"\d+")

Damage = Callable[[bytearray, Random], bytes]


def cut(data: bytearray, draw: Random) -> bytes:
    """Return the beginning alone: a transfer that broke off."""
    return bytes(data[: draw.randrange(len(data))])


def flip_bits(data: bytearray, draw: Random) -> bytes:
    for _ in range(draw.choice((1, 1, 2, 8, 64))):
        data[draw.randrange(len(data))] ^= 1 << draw.randrange(8)
    return bytes(data)


def insert(data: bytearray, draw: Random) -> bytes:
    place = draw.randrange(len(data) + 1)
    data[place:place] = draw.choice(HOSTILE)
    return bytes(data)


def remove(data: bytearray, draw: Random) -> bytes:
    place = draw.randrange(len(data))
    del data[place : place + draw.choice((1, 2, 8, 100, 1000))]
    return bytes(data)


def repeat(data: bytearray, draw: Random) -> bytes:
    place = draw.randrange(len(data))
    piece = data[place : place + draw.choice((1, 8, 100, 1000))]
    data[place:place] = piece
    return bytes(data)


def overwrite_an_end(data: bytearray, draw: Random) -> bytes:
    """Write over some bytes near the beginning or the end, where formats keep their headers."""
    near = min(len(data), 256)
    place = draw.randrange(near) if draw.random() < 0.5 else len(data) - 1 - draw.randrange(near)
    width = draw.choice((1, 2, 4, 8))
    piece = draw.choice(
        (b"\xff" * width, bytes(width), b"\x7f" + b"\xff" * (width - 1), draw.randbytes(width))
    )
    data[place : place + width] = piece
    return bytes(data)


def change_a_number(data: bytearray, draw: Random) -> bytes:
    """Write another number where there is one in plain text: sizes, offsets, shapes, ids."""
    return _replaced(data, _NUMBER, (b"-1", b"0", b"7", b"99999999", b"4294967296", b"9" * 25, b"0.5"), draw)


def change_a_value(data: bytearray, draw: Random) -> bytes:
    return _replaced(data, _VALUE, VALUES, draw)


def recode(data: bytearray, draw: Random) -> bytes:
    """Write text in another encoding, as an editor does; what is no text is taken for Latin-1."""
    text = bytes(data).decode("latin-1")
    encoding = draw.choice(("utf-16", "utf-16-be", "utf-32", "utf-7", "cp037"))
    return text.encode(encoding)


def make_ragged(data: bytearray, draw: Random) -> bytes:
    """Give some lines of a table a field more, or one less."""
    lines = bytes(data).splitlines(keepends=True)
    for place in draw.sample(range(len(lines)), min(len(lines), 3)):
        head, comma, rest = lines[place].partition(b",")
        lines[place] = draw.choice((rest, head + 2 * comma + rest, head))
    return b"".join(lines)


def _replaced(data: bytearray, pattern: re.Pattern[bytes], by: Sequence[bytes], draw: Random) -> bytes:
    found = [match.span() for match in pattern.finditer(data)]
    if not found:
        return flip_bits(data, draw)
    start, end = draw.choice(found)
    data[start:end] = draw.choice(by)
    return bytes(data)


DAMAGES: tuple[Damage, ...] = (
    cut, flip_bits, insert, remove, repeat, overwrite_an_end, change_a_number, change_a_value, recode,
    make_ragged,
)  # fmt: skip


def damaged(whole: bytes, others: Sequence[bytes], draw: Random) -> tuple[str, bytes]:
    """Return what was done to the bytes of a file, and the bytes; now and then those of another format."""
    if draw.random() < 0.04:
        return "swapped", draw.choice(others)
    if draw.random() < 0.02 or not whole:
        return "emptied", b""
    damage = draw.choice(DAMAGES)
    return damage.__name__, damage(bytearray(whole), draw)
