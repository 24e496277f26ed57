"""Files of charges: which may be written, checked before anything is computed, and their writing."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from mosaik_p2p.charges.sheet import ChargeSheet
from mosaik_p2p.errors import BadInput, Fault
from mosaik_p2p.files import output_faults, target_faults, write_whole
from mosaik_p2p.results.report.charge_sheet import charges_csv, charges_page, is_charges_csv, is_charges_page

CSV, PICTURE = "--csv", "--picture"
PAGES = (".html", ".htm")


@dataclass(frozen=True)
class ChargeFiles:
    """Where charges are written; None: nowhere."""

    csv: Path | None
    picture: Path | None


def charge_files(csv: str | Path | None, picture: str | Path | None) -> ChargeFiles:
    """The files, where they can be written. Raises BadInput with the faults of both."""
    files = ChargeFiles(None if csv is None else Path(csv), None if picture is None else Path(picture))
    faults: list[Fault] = []
    if files.csv is not None:
        faults += target_faults(CSV, files.csv) or output_faults(
            CSV, files.csv, is_ours=is_charges_csv, what="a file of charges", inputs=()
        )
    if files.picture is not None:
        if files.picture.suffix.lower() not in PAGES:
            faults.append(Fault(PICTURE, str(picture), "is no page", "Name a file that ends with .html."))
        faults += target_faults(PICTURE, files.picture) or output_faults(
            PICTURE, files.picture, is_ours=is_charges_page, what="a picture of charges", inputs=()
        )
    if faults:
        raise BadInput(faults)
    return files


def write_charges(files: ChargeFiles, rows: Sequence[ChargeSheet], pictured: Sequence[ChargeSheet]) -> None:
    """Write what is asked for. Raises BadInput where it cannot be written."""
    if files.csv is not None:
        write_whole(CSV, files.csv, charges_csv(rows))
    if files.picture is not None:
        write_whole(PICTURE, files.picture, charges_page(pictured))
