"""Columns of the libraries' tables whose use nobody has stated."""

from collections.abc import Iterable, Mapping

from mosaik_p2p.networks.files.column_uses import TableUses


def unlisted(known: Mapping[str, Iterable[str]], listed: Mapping[str, TableUses]) -> list[str]:
    """`table.column` of every column in `known` (by table) whose use is not listed."""
    return [
        f"{table}.{column}"
        for table, columns in known.items()
        for column in columns
        if column not in listed.get(table, {})
    ]
