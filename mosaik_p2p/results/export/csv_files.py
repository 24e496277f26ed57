"""A folder of CSV files, one per table: UTF-8, commas, decimal points, times with the offset of the scenario's
clock."""

from pathlib import Path

from mosaik_p2p.results.in_hand.run_results import RunResults

COLUMNS_FILE = "columns.csv"
"""What every column of every table means, with its unit."""


def csv_names(results: RunResults) -> list[str]:
    """The files of the folder."""
    return [*(f"{table}.csv" for table in results), COLUMNS_FILE]


def write_csv(results: RunResults, folder: Path) -> None:
    """Write the files into the folder, which is made where it is not there. Numbers have all their digits.

    Raises OSError where that cannot be.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for table, frame in results.local.items():
        # Spelt with its offset, a time is the same for every reader, whatever clock it reads it on.
        times = frame["time"].map(lambda moment: moment.isoformat())
        frame.assign(time=times).to_csv(folder / f"{table}.csv", index=False, encoding="utf-8", lineterminator="\n")
    described = [results.columns(table).assign(table=table).reset_index() for table in results]
    lines = ["table", "column", "type", "unit", "sign", "key", "meaning", "null"]
    with (folder / COLUMNS_FILE).open("w", encoding="utf-8", newline="") as file:
        for number, frame in enumerate(described):
            frame[lines].to_csv(file, index=False, header=number == 0, lineterminator="\n")
