"""How a run takes a result folder: alone, and without touching anybody's other files.

Only what the mark of an earlier run names, and what still is as that run has written it, is ever removed.
"""

import contextlib
import errno
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from mosaik_p2p.errors import BadInput, Fault
from mosaik_p2p.files import reason_of
from mosaik_p2p.results.progress import progress_text
from mosaik_p2p.results.store.folder import COUNTERFACTUALS_FOLDER, OWN_NAMES, SHARED_NAMES
from mosaik_p2p.results.store.leftovers import Leftovers, leftovers
from mosaik_p2p.results.store.lock import InUse, is_lock, is_locked, locked
from mosaik_p2p.results.store.mark import (
    COMPARISON,
    RUN,
    Mark,
    NotWritten,
    ResultFolder,
    checksum,
    read_mark,
    start_mark,
)

ELSEWHERE = "Choose another folder with --out"
NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO})
"""What is not the user's mistake."""


@contextlib.contextmanager
def claimed_folder(
    folder: Path,
    *,
    overwrite: bool,
    inputs: Iterable[Path] = (),
    more_names: Iterable[str] = (),
    what: str = RUN,
) -> Iterator[ResultFolder]:
    """The folder, empty of results and marked as that of a new run, for this run alone until the context ends.

    Files that no run writes stay. Raises BadInput where the folder cannot be used: it is a file, another run uses it,
    it is not empty, or (with `overwrite`) it is not the folder of an earlier run, a file in it would be lost (this run
    will write `more_names` beside what every run writes), or one of the `inputs` of the run lies in it. Raises
    NotWritten where there is no room for it. `what` is it that claims: no run takes the folder of a comparison, and no
    comparison that of a run.
    """
    with contextlib.ExitStack() as held:
        try:
            refuse_inside_a_run(folder)
            wanted = _Wanted(what, overwrite, tuple(inputs), tuple(more_names))
            claimed = _claim(folder, held, wanted)
        except InUse:
            raise in_use(folder) from None
        except (OSError, ValueError) as error:
            raise impossible(folder, error) from error
        yield claimed


@contextlib.contextmanager
def claimed_counterfactual(folder: Path, *, overwrite: bool = False) -> Iterator[ResultFolder]:
    """The folder of a counterfactual run, below that of a run that holds its own. Raises as `claimed_folder`."""
    if folder.parent.is_symlink():
        raise _refused(folder.parent, "is a link, and nothing is written through links", "Remove the link")
    with contextlib.ExitStack() as held:
        try:
            claimed = _claim(folder, held, _Wanted(overwrite=overwrite))
        except InUse:
            raise in_use(folder) from None
        except (OSError, ValueError) as error:
            raise impossible(folder, error) from error
        yield claimed


def claim_faults(folder: Path, *, overwrite: bool, inputs: Iterable[Path] = (), what: str = RUN) -> tuple[Fault, ...]:
    """Why a run (or `what` it is that claims) could not have the folder at the moment; none where it could.

    Nothing is removed from it.
    """
    try:
        refuse_inside_a_run(folder)
        _refuse_foreign(folder)
        if is_locked(folder):
            raise InUse
        if _present(folder):
            _own_leftovers(folder, _Wanted(what, overwrite, tuple(inputs)))
    except InUse:
        return in_use(folder).faults
    except BadInput as refused:
        return refused.faults
    except (OSError, ValueError) as error:
        return (_unprepared(folder, error),)
    return ()


@dataclass(frozen=True)
class _Wanted:
    """What is to be done with a folder, and on which terms."""

    what: str = RUN
    overwrite: bool = False
    inputs: tuple[Path, ...] = ()
    more_names: tuple[str, ...] = ()


def _claim(folder: Path, held: contextlib.ExitStack, wanted: _Wanted) -> ResultFolder:
    # Before a lock is left in somebody's folder.
    _refuse_foreign(folder)
    folder.mkdir(parents=True, exist_ok=True)
    held.enter_context(locked(folder))
    if _present(folder):
        _remove(_own_leftovers(folder, wanted))
    return ResultFolder(folder, start_mark(folder, what=wanted.what, inputs=input_checksums(wanted.inputs)))


def input_checksums(inputs: Sequence[Path]) -> dict[str, str] | None:
    """By name, relative to the first one's folder: checksums of the files that a run is made from; None without any."""
    if not inputs:
        return None
    begin = inputs[0].resolve().parent
    return {_name_from(begin, path): checksum(path.read_bytes()) for path in inputs if path.is_file()}


def _name_from(begin: Path, path: Path) -> str:
    with contextlib.suppress(ValueError):  # another drive has no relative path
        return Path(os.path.relpath(path.resolve(), begin)).as_posix()
    return path.resolve().as_posix()


def _refuse_foreign(folder: Path) -> None:
    if folder.exists() and not folder.is_dir():
        raise _refused(folder, "is a file", "Name a folder with --out")
    if _present(folder) and read_mark(folder) is None:
        raise _no_result(folder)


def _present(folder: Path) -> list[Path]:
    return [path for path in folder.iterdir() if not is_lock(path)] if folder.is_dir() else []


def _own_leftovers(folder: Path, wanted: _Wanted) -> Leftovers:
    """What an earlier run has written; BadInput where to remove it is not asked for, or would lose anything else."""
    mark = read_mark(folder)
    if mark is None:
        raise _no_result(folder)
    if mark.what != wanted.what:
        raise _refused(folder, f"is not empty: it holds a {mark.what}, and no {wanted.what}", ELSEWHERE)
    left = leftovers(folder, mark)
    others = {folder / name for name in wanted.more_names if (folder / name).exists()} - {*left.files, *left.in_the_way}
    obstacles = [*_inputs_inside(folder, wanted.inputs), *_not_own((*left.in_the_way, *sorted(others)))]
    if not wanted.overwrite:
        raise _refused(folder, *_holding(folder, mark, can_overwrite=not obstacles))
    if obstacles:
        raise BadInput(obstacles)
    return left


def _holding(folder: Path, mark: Mark, *, can_overwrite: bool) -> tuple[str, str]:
    """What there is in a folder that nobody has allowed to overwrite, and what to do about it."""
    choice = f"{ELSEWHERE}, or allow --overwrite" if can_overwrite else ELSEWHERE
    if mark.what == COMPARISON:
        return "is not empty: it holds an earlier comparison", choice
    return progress_text(folder), f"`mosaik-p2p report {folder}` shows it. {choice}"


def _remove(left: Leftovers) -> None:
    for path in left.files:
        path.unlink()
    for path in left.folders:
        # One that holds files of others stays.
        with contextlib.suppress(OSError):
            path.rmdir()


def _inputs_inside(folder: Path, inputs: Iterable[Path]) -> Iterator[Fault]:
    problem = f"is an input of this run and lies in its result folder {folder}"
    for path in inputs:
        ways = {Path(os.path.abspath(path)), path.resolve()}  # noqa: PTH100 (a link in the folder lies in it)
        if any(_is_same(parent, folder) for way in ways for parent in way.parents):
            yield Fault("result folder", str(path), problem, ELSEWHERE)


def _is_same(folder: Path, other: Path) -> bool:
    # The system's own answer: names differ by links and, on some systems, by case.
    return folder.exists() and folder.samefile(other)


def _not_own(in_the_way: Iterable[Path]) -> Iterator[Fault]:
    problem = "was not written by a run, or has been changed since: --overwrite would lose it"
    for path in in_the_way:
        yield Fault("result folder", str(path), problem, f"Move it away. {ELSEWHERE} if it is to stay")


def refuse_inside_a_run(folder: Path) -> None:
    """Raise BadInput for a counterfactual run's folder, which belongs to the run above it while that goes on."""
    above = Path(os.path.abspath(folder)).parent  # noqa: PTH100 (the name as it was given)
    if above.name == COUNTERFACTUALS_FOLDER and is_locked(above.parent):
        raise in_use(above.parent)


def in_use(folder: Path) -> BadInput:
    """Why nobody else can have a folder that a run holds."""
    try:
        mark = read_mark(folder)
    except OSError:
        mark = None
    who = "" if mark is None else f" ({mark.holder})"
    return _refused(folder, f"is in use by another run{who}", f"Wait for its end. {ELSEWHERE} if you cannot")


def _no_result(folder: Path) -> BadInput:
    names = {path.name for path in folder.iterdir()}
    if names & (OWN_NAMES - SHARED_NAMES):
        problem = (
            "is not empty, and holds results without the mark of a run (run.jsonl), which says whose files they are"
        )
        return _refused(folder, problem, f"{ELSEWHERE}, or remove this one yourself")
    return _refused(folder, "is not empty, and its files are not those of an earlier run", ELSEWHERE)


def impossible(folder: Path, error: OSError | ValueError) -> Exception:
    """Why the system does not let anybody have the folder, as an error of ours."""
    if getattr(error, "errno", None) in NO_ROOM:
        return NotWritten(f"the result folder {folder} cannot be prepared: {reason_of(error)}")
    return BadInput([_unprepared(folder, error)])


def _unprepared(folder: Path, error: OSError | ValueError) -> Fault:
    return Fault("result folder", str(folder), f"cannot be prepared ({reason_of(error)})", ELSEWHERE)


def _refused(folder: Path, problem: str, remedy: str) -> BadInput:
    return BadInput([Fault("result folder", str(folder), problem, remedy)])
