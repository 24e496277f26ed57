"""The equations for the multipliers of one prosumer's problem, factorised along its structure (compiled).

Their matrix is A W A' + D. W is the diagonal matrix of `width`; D is diagonal, with `delta` (1/weight of the net sale)
in the rows of the balances and `epsilon`, a regularisation, in the others. A's rows are, per interval, the two balances
and one row per storage; then one row per total. The balances of an interval are eliminated first, as a 2-by-2 block;
that leaves a block-tridiagonal matrix: a chain of (storages x storages) blocks over time, with a diagonal link from
each to the one before, since a storage's level enters two intervals; the totals are the border of that chain. The
arrays of a `frame`:

    inner (3, T)         inverse of the balances' blocks
    coupling (S, 2, T)   storages against balances
    pivot (T, S, S)      inverses of the chain's blocks, what came before taken off (without storages (T, 1, 1), unused)
    link (S, T)          diagonal of the link to the interval before
    column (M, 2, T)     totals against balances
    border (M S, T)      totals against storages, reduced along the chain
    pivot_border (M S, T)  pivot times border
    schur (M, M)         Cholesky factor of what is left for the totals

Inverses are kept instead of factors: the blocks are tiny and positive definite, and a sweep without a division in its
recursion takes a third of the time.
"""

import numpy as np

from mosaik_p2p.jit.modes import jit_fast, jit_inline, jit_inner

LEAST_PIVOT = 1e-14
NO_PIVOT = 1e64
"""In a Cholesky factor: leaves nothing of a multiplier's step."""
ELECTRIC, THERMAL, COUPLED = 1, 2, 3
"""Which balances a variable touches."""


@jit_inline
def frame_size(storages, totals, horizon):  # type: ignore[no-untyped-def]  # numba infers the types
    """How many numbers such a frame holds at the most: without any, there is room for one of each."""
    s, m = max(storages, 1), max(totals, 1)
    return horizon * (3 + 3 * s + s * s + 2 * m + 2 * m * s) + m * m


@jit_inline
def frame_in(room, storages, totals, horizon):  # type: ignore[no-untyped-def]
    """The arrays as above, in `room`, one after the other. numba reshapes nothing to nothing: hence one at least."""
    s, m = max(storages, 1), max(totals, 1)
    coupling = 3 * horizon
    pivot = coupling + 2 * s * horizon
    link = pivot + s * s * horizon
    column = link + s * horizon
    border = column + 2 * m * horizon
    pivot_border = border + m * s * horizon
    schur = pivot_border + m * s * horizon
    return (
        room[:coupling].reshape((3, horizon)),
        room[coupling:pivot].reshape((s, 2, horizon))[:storages],
        room[pivot:link].reshape((horizon, s, s)),
        room[link:column].reshape((s, horizon))[:storages],
        room[column:border].reshape((m, 2, horizon))[:totals],
        room[border:pivot_border].reshape((m * s, horizon))[: totals * storages],
        room[pivot_border:schur].reshape((m * s, horizon))[: totals * storages],
        room[schur : schur + m * m].reshape((m, m))[:totals],
    )


@jit_inline
def factor(width, delta, epsilon, structure, frame, passed):  # type: ignore[no-untyped-def]
    """Fill `frame` for `width` (K, T), `delta` (2,) and `epsilon`; `passed` (S,) is scratch."""
    balance, carrier_mask, storage, withdrawal, level, retention, total_row, total_first, total_at = structure
    inner, coupling, pivot, link, column, border, pivot_border, schur = frame
    _gather(width, delta, balance, carrier_mask, storage, withdrawal, inner, coupling, pivot)
    _eliminate_balances(inner)
    if level.size > 0:
        _blocks(width, epsilon, level, retention, inner, coupling, pivot, link)
        _factor_blocks(pivot, link)
    if total_row.size > 0:
        _border(width, epsilon, balance, carrier_mask, total_row, total_first, total_at, frame, passed)


@jit_fast
def _gather(width, delta, balance, carrier_mask, storage, withdrawal, inner, coupling, pivot):  # type: ignore[no-untyped-def]
    """Sums over the variables."""
    horizon = width.shape[1]
    for t in range(horizon):
        inner[0, t], inner[1, t], inner[2, t] = delta[0], 0.0, delta[1]
    for j in range(coupling.shape[0]):
        for t in range(horizon):
            coupling[j, 0, t] = coupling[j, 1, t] = 0.0
            for i in range(j + 1):
                pivot[t, j, i] = 0.0
    for k in range(width.shape[0]):
        if carrier_mask[k] & ELECTRIC:
            for t in range(horizon):
                inner[0, t] += width[k, t] * balance[k, 0, t] * balance[k, 0, t]
        if carrier_mask[k] & THERMAL:
            for t in range(horizon):
                inner[2, t] += width[k, t] * balance[k, 1, t] * balance[k, 1, t]
        if carrier_mask[k] == COUPLED:
            for t in range(horizon):
                inner[1, t] += width[k, t] * balance[k, 0, t] * balance[k, 1, t]
        j = storage[k]
        if j >= 0:
            for t in range(horizon):
                pivot[t, j, j] += withdrawal[k] * withdrawal[k] * width[k, t]
            for c in range(2):
                if carrier_mask[k] & (1 + c):
                    for t in range(horizon):
                        coupling[j, c, t] += withdrawal[k] * width[k, t] * balance[k, c, t]


@jit_fast
def _eliminate_balances(inner):  # type: ignore[no-untyped-def]
    for t in range(inner.shape[1]):
        # A carrier that touches nothing here has a zero row; any pivot serves.
        a = inner[0, t] if inner[0, t] > 0.0 else 1.0
        b = inner[1, t]
        c = inner[2, t] if inner[2, t] > 0.0 else 1.0
        scale = 1.0 / (a * c - b * b)
        inner[0, t], inner[1, t], inner[2, t] = c * scale, -b * scale, a * scale


@jit_fast
def _blocks(width, epsilon, level, retention, inner, coupling, pivot, link):  # type: ignore[no-untyped-def]
    """Turn the sums over the variables in `pivot` into the chain's blocks, and find its links."""
    horizon, storages = pivot.shape[0], pivot.shape[1]
    for i in range(storages):
        for j in range(i + 1):
            for t in range(horizon):
                el = coupling[i, 0, t] * inner[0, t] + coupling[i, 1, t] * inner[1, t]
                heat = coupling[i, 0, t] * inner[1, t] + coupling[i, 1, t] * inner[2, t]
                pivot[t, i, j] -= el * coupling[j, 0, t] + heat * coupling[j, 1, t]
        link[i, 0] = 0.0
        for t in range(1, horizon):
            link[i, t] = -retention[i] * width[level[i], t - 1]
        pivot[0, i, i] += epsilon + width[level[i], 0]
        for t in range(1, horizon):
            pivot[t, i, i] += epsilon + width[level[i], t] - retention[i] * link[i, t]


@jit_inner
def _factor_blocks(pivot, link):  # type: ignore[no-untyped-def]
    """Replace each block by the inverse of what is left of it after the blocks before."""
    horizon, storages = pivot.shape[0], pivot.shape[1]
    if storages == 1:
        before = 0.0
        for t in range(horizon):
            left = pivot[t, 0, 0] - link[0, t] * link[0, t] * before
            before = 1.0 / left if left > LEAST_PIVOT else 0.0
            pivot[t, 0, 0] = before
        return
    for t in range(horizon):
        if t > 0:
            for i in range(storages):
                for j in range(i + 1):
                    pivot[t, i, j] -= link[i, t] * pivot[t - 1, i, j] * link[j, t]
        invert(pivot[t])


@jit_inner
def invert(matrix):  # type: ignore[no-untyped-def]
    """Replace a symmetric positive definite matrix by its inverse (Gauss and Jordan, in place).

    Reads the lower half. A row without a pivot keeps its multiplier: everything in it is fixed, or said by others.
    """
    size = matrix.shape[0]
    for i in range(size):
        for j in range(i):
            matrix[j, i] = matrix[i, j]
    for p in range(size):
        scale = 1.0 / matrix[p, p] if matrix[p, p] > LEAST_PIVOT else 0.0
        matrix[p, p] = 1.0
        for j in range(size):
            matrix[p, j] *= scale
        for i in range(size):
            if i != p:
                part = matrix[i, p]
                matrix[i, p] = 0.0
                for j in range(size):
                    matrix[i, j] -= part * matrix[p, j]


@jit_inner
def _cholesky(matrix):  # type: ignore[no-untyped-def]
    """Lower factor in place."""
    for i in range(matrix.shape[0]):
        for j in range(i + 1):
            value = matrix[i, j]
            for n in range(j):
                value -= matrix[i, n] * matrix[j, n]
            if i > j:
                matrix[i, j] = value / matrix[j, j]
            else:
                matrix[i, i] = np.sqrt(value) if value > LEAST_PIVOT else NO_PIVOT


@jit_inner
def _down(pivot, link, rows, begin, passed):  # type: ignore[no-untyped-def]
    """Reduce the right-hand sides in `rows` from row `begin` on along the chain.

    What the intervals before hand on is taken off.
    """
    storages, horizon = link.shape
    if storages == 1:
        before = rows[begin, 0]
        for t in range(1, horizon):
            before = rows[begin, t] - (link[0, t] * pivot[t - 1, 0, 0]) * before
            rows[begin, t] = before
        return
    for t in range(1, horizon):
        for i in range(storages):
            value = 0.0
            for n in range(storages):
                value += pivot[t - 1, i, n] * rows[begin + n, t - 1]
            passed[i] = value
        for i in range(storages):
            rows[begin + i, t] -= link[i, t] * passed[i]


@jit_inner
def _up(pivot, link, rows, begin, passed):  # type: ignore[no-untyped-def]
    """Reduced right-hand sides become the solution of the chain."""
    storages, horizon = link.shape
    if storages == 1:
        after = rows[begin, horizon - 1] = pivot[horizon - 1, 0, 0] * rows[begin, horizon - 1]
        for t in range(horizon - 2, -1, -1):
            after = pivot[t, 0, 0] * rows[begin, t] - (pivot[t, 0, 0] * link[0, t + 1]) * after
            rows[begin, t] = after
        return
    for t in range(horizon - 1, -1, -1):
        for i in range(storages):
            passed[i] = rows[begin + i, t]
            if t < horizon - 1:
                passed[i] -= link[i, t + 1] * rows[begin + i, t + 1]
        for i in range(storages):
            value = 0.0
            for n in range(storages):
                value += pivot[t, i, n] * passed[n]
            rows[begin + i, t] = value


@jit_inline
def _border(width, epsilon, balance, carrier_mask, total_row, total_first, total_at, frame, passed):  # type: ignore[no-untyped-def]
    inner, coupling, pivot, link, column, border, pivot_border, schur = frame
    storages = coupling.shape[0]
    for r in range(total_row.size):
        k = total_row[r]
        own = epsilon
        for t in range(column.shape[2]):
            column[r, 0, t] = column[r, 1, t] = 0.0
        for n in range(total_first[r], total_first[r + 1]):
            t = total_at[n]
            own += width[k, t]
        for c in range(2):
            if carrier_mask[k] & (1 + c):
                for n in range(total_first[r], total_first[r + 1]):
                    t = total_at[n]
                    column[r, c, t] = width[k, t] * balance[k, c, t]
        if storages > 0:
            _onto_storages(inner, coupling, column, border, r)
            _down(pivot, link, border, r * storages, passed)
            _pivot_border(pivot, border, pivot_border, r)
        for q in range(r + 1):
            schur[r, q] = (own if q == r else 0.0) - _between(inner, column, border, pivot_border, r, q)
    _cholesky(schur)


@jit_fast
def _onto_storages(inner, coupling, column, border, r):  # type: ignore[no-untyped-def]
    storages = coupling.shape[0]
    for i in range(storages):
        for t in range(border.shape[1]):
            el = inner[0, t] * column[r, 0, t] + inner[1, t] * column[r, 1, t]
            heat = inner[1, t] * column[r, 0, t] + inner[2, t] * column[r, 1, t]
            border[r * storages + i, t] = -(coupling[i, 0, t] * el + coupling[i, 1, t] * heat)


@jit_fast
def _pivot_border(pivot, border, pivot_border, r):  # type: ignore[no-untyped-def]
    storages = pivot.shape[1]
    for i in range(storages):
        for t in range(border.shape[1]):
            value = 0.0
            for n in range(storages):
                value += pivot[t, i, n] * border[r * storages + n, t]
            pivot_border[r * storages + i, t] = value


@jit_fast
def _between(inner, column, border, pivot_border, r, q):  # type: ignore[no-untyped-def]
    """What two totals have in common through the balances and the chain."""
    storages = pivot_border.shape[0] // column.shape[0]
    value = 0.0
    for t in range(column.shape[2]):
        el = inner[0, t] * column[r, 0, t] + inner[1, t] * column[r, 1, t]
        heat = inner[1, t] * column[r, 0, t] + inner[2, t] * column[r, 1, t]
        value += el * column[q, 0, t] + heat * column[q, 1, t]
    for i in range(storages):
        for t in range(column.shape[2]):
            value += border[r * storages + i, t] * pivot_border[q * storages + i, t]
    return value


@jit_inner
def solve(frame, rows, sums, passed):  # type: ignore[no-untyped-def]
    """Right-hand sides `rows` (2 + S, T) and `sums` (M,) become the multipliers, in place; `passed` (S,) is scratch."""
    inner, coupling, pivot, link, column, border, pivot_border, schur = frame
    has_storages = coupling.shape[0] > 0
    _leave_balances(inner, coupling, column, rows, sums)
    if has_storages:
        _down(pivot, link, rows, 2, passed)
        _leave_blocks(pivot_border, rows, sums)
    _cholesky_solve(schur, sums)
    if has_storages:
        _back_to_blocks(border, rows, sums)
        _up(pivot, link, rows, 2, passed)
    _back_to_balances(inner, coupling, column, rows, sums)


@jit_fast
def _leave_blocks(pivot_border, rows, sums):  # type: ignore[no-untyped-def]
    storages = rows.shape[0] - 2
    for r in range(sums.size):
        taken = 0.0
        for i in range(storages):
            for t in range(rows.shape[1]):
                taken += pivot_border[r * storages + i, t] * rows[2 + i, t]
        sums[r] -= taken


@jit_fast
def _back_to_blocks(border, rows, sums):  # type: ignore[no-untyped-def]
    storages = rows.shape[0] - 2
    for r in range(sums.size):
        for i in range(storages):
            for t in range(rows.shape[1]):
                rows[2 + i, t] -= border[r * storages + i, t] * sums[r]


@jit_fast
def _leave_balances(inner, coupling, column, rows, sums):  # type: ignore[no-untyped-def]
    """Take the balances' part off the rows of storages and totals."""
    horizon = rows.shape[1]
    for t in range(horizon):
        el = inner[0, t] * rows[0, t] + inner[1, t] * rows[1, t]
        rows[1, t] = inner[1, t] * rows[0, t] + inner[2, t] * rows[1, t]
        rows[0, t] = el
    for i in range(coupling.shape[0]):
        for t in range(horizon):
            rows[2 + i, t] -= coupling[i, 0, t] * rows[0, t] + coupling[i, 1, t] * rows[1, t]
    for r in range(sums.size):
        taken = 0.0
        for t in range(horizon):
            taken += column[r, 0, t] * rows[0, t] + column[r, 1, t] * rows[1, t]
        sums[r] -= taken


@jit_fast
def _back_to_balances(inner, coupling, column, rows, sums):  # type: ignore[no-untyped-def]
    """The balances' multipliers, once those of storages and totals are known."""
    horizon = rows.shape[1]
    for i in range(coupling.shape[0]):
        for t in range(horizon):
            el, heat = coupling[i, 0, t] * rows[2 + i, t], coupling[i, 1, t] * rows[2 + i, t]
            rows[0, t] -= inner[0, t] * el + inner[1, t] * heat
            rows[1, t] -= inner[1, t] * el + inner[2, t] * heat
    for r in range(sums.size):
        for t in range(horizon):
            el, heat = column[r, 0, t] * sums[r], column[r, 1, t] * sums[r]
            rows[0, t] -= inner[0, t] * el + inner[1, t] * heat
            rows[1, t] -= inner[1, t] * el + inner[2, t] * heat


@jit_inner
def _cholesky_solve(factor_, right):  # type: ignore[no-untyped-def]
    for r in range(right.size):
        for n in range(r):
            right[r] -= factor_[r, n] * right[n]
        right[r] /= factor_[r, r]
    for r in range(right.size - 1, -1, -1):
        for n in range(r + 1, right.size):
            right[r] -= factor_[n, r] * right[n]
        right[r] /= factor_[r, r]
