"""Mutations of files as bytes: what an editor, a spreadsheet or a broken disk does to them."""

from collections.abc import Callable
from random import Random

from fuzz.dice import NUMBERS, TEXTS


def mangled(dice: Random, data: bytes, *, times: int = 1) -> bytes:
    """The bytes with so many changes."""
    for _ in range(times):
        data = dice.choice(CHANGES)(dice, data)
    return data


def _flip(dice: Random, data: bytes) -> bytes:
    at = dice.randrange(len(data) + 1)
    return data[:at] + bytes([dice.randrange(256)]) + data[at + 1 :]


def _insert(dice: Random, data: bytes) -> bytes:
    at = dice.randrange(len(data) + 1)
    text = dice.choice([str(dice.choice(NUMBERS)), dice.choice(TEXTS), "[" * 80, "{", "}", "]", ",", ";", "=", "#"])
    return data[:at] + text.encode() + data[at:]


def _cut(dice: Random, data: bytes) -> bytes:
    at = dice.randrange(len(data) + 1)
    return data[:at] + data[at + dice.randrange(40) :]


def _truncate(dice: Random, data: bytes) -> bytes:
    return data[: dice.randrange(len(data) + 1)]


def _repeat_line(dice: Random, data: bytes) -> bytes:
    lines = data.splitlines(keepends=True) or [b""]
    lines.insert(dice.randrange(len(lines) + 1), dice.choice(lines))
    return b"".join(lines)


def _drop_line(dice: Random, data: bytes) -> bytes:
    lines = data.splitlines(keepends=True) or [b""]
    del lines[dice.randrange(len(lines))]
    return b"".join(lines)


def _ends(_: Random, data: bytes) -> bytes:
    return data.replace(b"\n", b"\r\n")


def _mark(_: Random, data: bytes) -> bytes:
    return b"\xef\xbb\xbf" + data


def _other_encoding(dice: Random, data: bytes) -> bytes:
    return data.decode("utf-8", errors="replace").encode(
        dice.choice(["utf-16", "utf-16-le", "utf-32", "cp037"]), errors="replace"
    )


Change = Callable[[Random, bytes], bytes]
CHANGES: tuple[Change, ...] = (
    *(_flip, _insert, _cut, _truncate, _repeat_line, _drop_line),
    *(_ends, _mark, _other_encoding),
)
