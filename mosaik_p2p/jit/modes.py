"""How the market's loops are compiled, and what they need that numba does not offer.

`jit` may allocate. `jit_inner` takes arrays, neither makes nor keeps any, and so goes without counting references,
which costs an atomic operation for every array at every call. `jit_fast` is likewise, and for the long elementwise
loops, which run over finite numbers only: the processor's vector units take them only if maxima need not look out for
undefined numbers. Whoever calls a `jit_fast` loop checks the sums that it returns. `jit_inline` becomes part of its
caller before anything is compiled: what is called at one place only is so compiled once and not at every level.
`jit_strict` keeps the order of all operations, `jit_strict_inner` likewise where no array is made.

What is compiled is kept in the user's cache folder: beside the sources, it would outlive the package when that is
uninstalled, and stand in the way of the next one. numba takes a function from there as long as the file that the
function stands in is the same; but its loops call others, of other files, whose machine code stands in theirs. So it is
kept by a digest of all these files, of numba and of the processor: other code never runs what was compiled before.
"""

import atexit
import hashlib
import os
import re
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from glob import glob
from pathlib import Path
from types import ModuleType
from typing import Any

import llvmlite.binding
import numba
import platformdirs
from llvmlite import ir
from numba.core import cgutils, types
from numba.core.dispatcher import Dispatcher
from numba.extending import intrinsic

FREE_ORDER = {"contract", "arcp", "nsz", "reassoc"}
JIT_IS_OFF = bool(numba.config.DISABLE_JIT)  # type: ignore[attr-defined]  # set from the environment
"""`NUMBA_DISABLE_JIT=1`, a debugging aid: the loops then run in Python, some thousand times slower."""


def ensure_cache_place() -> None:
    """See to it that compiled code can be kept somewhere, for as long as this process runs at least.

    Where neither the user's cache nor the installation can be written, numba refuses to compile at all. Then it is
    kept in a folder of this process alone: others could put their code into one with a name that is known.
    """
    try:
        _njit(cache=True)(ensure_cache_place)
    except RuntimeError:
        folder = tempfile.mkdtemp(prefix="mosaik_p2p-")
        atexit.register(shutil.rmtree, folder, ignore_errors=True)
        settings: Any = numba.config
        # For this process, and for those that it starts.
        os.environ["NUMBA_CACHE_DIR"] = settings.CACHE_DIR = folder


def _digest() -> str:
    """Of all that machine code of ours depends on."""
    package = Path(__file__).parents[1]
    # Through the links of a checkout as well, which `Path.rglob` would not follow.
    names = sorted(glob("**/*.py", root_dir=package, recursive=True))  # noqa: PTH207
    sources = ((package / name).read_bytes() for name in names)
    ours = [source for source in sources if _DECORATED.search(source)]
    processor = f"{llvmlite.binding.get_host_cpu_name()} {llvmlite.binding.get_host_cpu_features().flatten()}"
    versions = f"{numba.__version__} {llvmlite.__version__} {processor}".encode()
    return hashlib.sha256(b"\0".join([*ours, Path(__file__).read_bytes(), versions])).hexdigest()[:16]


_DECORATED = re.compile(rb"^@jit(_\w+)?\b", re.MULTILINE)
_DIGEST = _digest()


def _njit(**options: Any) -> Callable[[Callable[..., Any]], Any]:
    """numba's decorator; what it compiles is kept in our folder, or in the one that the user has named for numba."""
    # Its own types leave out some options, and differ from one version to the next.
    decorate: Any = numba.njit(**options)

    def apply(function: Callable[..., Any]) -> Any:
        with _kept_in_our_folder():
            return decorate(function)

    return apply


@contextmanager
def _kept_in_our_folder() -> Iterator[None]:
    """numba chooses the place where it keeps code at decoration; other packages keep theirs."""
    config: Any = numba.config
    named = config.CACHE_DIR
    config.CACHE_DIR = str(Path(named or platformdirs.user_cache_path("mosaik_p2p")) / _DIGEST)
    try:
        yield
    finally:
        config.CACHE_DIR = named


def keep_code_of(module: ModuleType) -> None:
    """Keep what another package compiles anew in every process: the functions of this module that are to be compiled.

    numba takes their code from there as long as the module's file is the same; they must not call functions of others.
    """
    with _kept_in_our_folder():
        for function in vars(module).values():
            if isinstance(function, Dispatcher) and function.py_func.__module__ == module.__name__:
                function.enable_caching()


ensure_cache_place()
_COMMON: dict[str, Any] = {"cache": True, "error_model": "numpy", "nogil": True}
# Only `jit` is called from Python; the others need no way in from there, which takes long to compile.
_INNER = {**_COMMON, "_nrt": False, "no_cpython_wrapper": True, "no_cfunc_wrapper": True}
jit: Any = _njit(fastmath=FREE_ORDER, **_COMMON)
jit_inner: Any = _njit(fastmath=FREE_ORDER, **_INNER)
jit_fast: Any = _njit(fastmath={*FREE_ORDER, "nnan", "ninf"}, **_INNER)
jit_fast_entry: Any = _njit(fastmath={*FREE_ORDER, "nnan", "ninf"}, **_COMMON)
jit_inline: Any = _njit(fastmath=FREE_ORDER, inline="always", **_COMMON)
jit_strict: Any = _njit(**_COMMON)
jit_strict_inner: Any = _njit(**_INNER)


def _larger(typing_context: Any, a: Any, b: Any) -> tuple[Any, Callable[..., Any]]:  # noqa: ARG001 (numba's signature)
    """The larger of two numbers as one instruction; `max` compiles to a branch that no vector unit takes."""

    def generate(_: Any, builder: Any, __: Any, arguments: Any) -> Any:
        double = ir.DoubleType()
        kind = ir.FunctionType(double, [double, double])
        find: Any = cgutils.get_or_insert_function
        return builder.call(find(builder.module, kind, "llvm.maxnum.f64"), arguments)

    return types.float64(types.float64, types.float64), generate


larger: Any = max if JIT_IS_OFF else intrinsic(_larger)
