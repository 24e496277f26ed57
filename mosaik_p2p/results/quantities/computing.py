"""The result quantities of a run, computed from its stored tables once it has come to its end."""

import traceback
from collections.abc import Iterable, Iterator

from mosaik_p2p.results.quantities.registry import NamedQuantity
from mosaik_p2p.results.quantities.rows import UnfitRows, stored_rows
from mosaik_p2p.results.store.due import due_keys
from mosaik_p2p.results.store.folder import ERROR_FILE
from mosaik_p2p.results.store.log import keep_in_log
from mosaik_p2p.results.store.mark import NotWritten, ResultFolder
from mosaik_p2p.results.store.quantity_tables import write_quantity_table
from mosaik_p2p.results.store.reading import read_results


def compute_quantities(folder: ResultFolder, quantities: Iterable[NamedQuantity]) -> list[str]:
    """Write the table of each quantity; the causes, where one has none. One that fails takes nothing from the others.

    What a quantity raises itself is added to the folder's log.
    """
    return [cause for named in quantities for cause in _computed(folder, named)]


def _computed(folder: ResultFolder, named: NamedQuantity) -> Iterator[str]:
    what = f"result quantity {named.word!r}"
    try:
        # Read anew for each: nobody sees what another one may have written into its tables.
        results = read_results(folder.path)
        due = due_keys(results, named.of.source, named.of.shape.order)
        rows = stored_rows(named, named.of.rows(results), due)
        write_quantity_table(folder, named.of.name, rows)
    except (UnfitRows, NotWritten) as error:
        yield f"{what} {error}"
    except Exception as error:  # noqa: BLE001 (a quantity of somebody else's may raise anything)
        keep_in_log(folder.path / ERROR_FILE, "".join(traceback.format_exception(error)))
        yield " ".join(f"{what} could not be computed: {type(error).__name__}: {error}".split())
