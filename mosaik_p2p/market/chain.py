"""The equations for the multipliers of one prosumer's problem, factorised along its structure (compiled).

With the diagonal matrix `width` they read A width A' + ease. A's rows are, per interval, the two balances and one row
per storage; then one row per total. The balances of an interval are eliminated first, as a 2-by-2 block; that leaves a
chain of (storages x storages) blocks over time, with a diagonal link from each to the one before, since a storage's
level enters two intervals; the totals are the border of that chain. The arrays:

    inner (3, T)         inverse of the balances' blocks
    cross (S, 2, T)      storages against balances
    chain (T, S, S)      Cholesky factors L_t of the chain's blocks
    link (S, T)          diagonal of the link to the interval before; the factor's block below is link L_{t-1}^-T
    column (M, 2, T)     totals against balances
    border (M, S, T)     totals against storages, with the chain's factor taken off
    schur (M, M)         Cholesky factor of what is left for the totals
"""

import numba
import numpy as np

jit = numba.njit(cache=True, error_model="numpy", nogil=True, fastmath={"contract", "arcp", "nsz", "reassoc"})
LEAST_PIVOT = 1e-14
UNTOTALLED = -2
"""In the first interval of `total_of`: no total contains this variable."""


@jit
def factor(width, ease, structure, inner, cross, chain, link, column, border, schur):  # type: ignore[no-untyped-def]
    """Fill the arrays above for `width` (K, T) and `ease` (2, T)."""
    balance, storage, gain, level, keep, total_of = structure
    _gather(width, ease, balance, storage, gain, inner, cross, chain)
    _eliminate_balances(width, level, keep, inner, cross, chain, link)
    _chain_cholesky(chain, link)
    if schur.shape[0] > 0:
        _border(width, balance, total_of, inner, cross, chain, link, column, border, schur)


@jit
def _gather(width, ease, balance, storage, gain, inner, cross, chain):  # type: ignore[no-untyped-def]
    """Sums over the variables."""
    horizon = width.shape[1]
    for t in range(horizon):
        inner[0, t], inner[1, t], inner[2, t] = ease[0, t], 0.0, ease[1, t]
    cross[:, :, :] = 0.0
    chain[:, :, :] = 0.0
    for k in range(width.shape[0]):
        for t in range(horizon):
            el = width[k, t] * balance[k, 0, t]
            inner[0, t] += el * balance[k, 0, t]
            inner[1, t] += el * balance[k, 1, t]
            inner[2, t] += width[k, t] * balance[k, 1, t] * balance[k, 1, t]
        j = storage[k]
        if j >= 0:
            for t in range(horizon):
                part = gain[k] * width[k, t]
                cross[j, 0, t] += part * balance[k, 0, t]
                cross[j, 1, t] += part * balance[k, 1, t]
                chain[t, j, j] += part * gain[k]


@jit
def _eliminate_balances(width, level, keep, inner, cross, chain, link):  # type: ignore[no-untyped-def]
    storages, horizon = link.shape
    for t in range(horizon):
        # A carrier that touches nothing here has a zero row; any pivot serves.
        a = inner[0, t] if inner[0, t] > 0.0 else 1.0
        b = inner[1, t]
        c = inner[2, t] if inner[2, t] > 0.0 else 1.0
        scale = 1.0 / (a * c - b * b)
        inner[0, t], inner[1, t], inner[2, t] = c * scale, -b * scale, a * scale
        for i in range(storages):
            el = cross[i, 0, t] * inner[0, t] + cross[i, 1, t] * inner[1, t]
            heat = cross[i, 0, t] * inner[1, t] + cross[i, 1, t] * inner[2, t]
            for j in range(i + 1):
                chain[t, i, j] -= el * cross[j, 0, t] + heat * cross[j, 1, t]
            chain[t, i, i] += width[level[i], t]
            link[i, t] = 0.0
            if t > 0:
                link[i, t] = -keep[i] * width[level[i], t - 1]
                chain[t, i, i] += keep[i] * keep[i] * width[level[i], t - 1]


@jit
def _chain_cholesky(chain, link):  # type: ignore[no-untyped-def]
    storages, horizon = link.shape
    inverse = np.zeros((storages, storages))
    for t in range(horizon):
        if t > 0:
            _lower_inverse(chain[t - 1], inverse)
            for i in range(storages):
                for j in range(i + 1):
                    value = 0.0
                    for n in range(i, storages):
                        value += inverse[n, i] * inverse[n, j]
                    chain[t, i, j] -= link[i, t] * value * link[j, t]
        cholesky(chain[t])


@jit
def _lower_inverse(matrix, inverse):  # type: ignore[no-untyped-def]
    for j in range(matrix.shape[0]):
        for i in range(j, matrix.shape[0]):
            value = 1.0 if i == j else 0.0
            for n in range(j, i):
                value -= matrix[i, n] * inverse[n, j]
            inverse[i, j] = value / matrix[i, i]


@jit
def cholesky(matrix):  # type: ignore[no-untyped-def]
    """Lower factor in place; a pivot that rounding has lost is taken as tiny."""
    for i in range(matrix.shape[0]):
        for j in range(i + 1):
            value = matrix[i, j]
            for n in range(j):
                value -= matrix[i, n] * matrix[j, n]
            matrix[i, j] = np.sqrt(max(value, LEAST_PIVOT)) if i == j else value / matrix[j, j]


@jit
def _down(chain, link, rows, work):  # type: ignore[no-untyped-def]
    """rows (S, T) <- L^-1 rows."""
    storages, horizon = link.shape
    for t in range(horizon):
        if t > 0:
            for i in range(storages - 1, -1, -1):
                value = rows[i, t - 1]
                for n in range(i + 1, storages):
                    value -= chain[t - 1, n, i] * work[n]
                work[i] = value / chain[t - 1, i, i]
            for i in range(storages):
                rows[i, t] -= link[i, t] * work[i]
        for i in range(storages):
            value = rows[i, t]
            for n in range(i):
                value -= chain[t, i, n] * rows[n, t]
            rows[i, t] = value / chain[t, i, i]


@jit
def _up(chain, link, rows, work):  # type: ignore[no-untyped-def]
    """rows (S, T) <- L^-T rows."""
    storages, horizon = link.shape
    for t in range(horizon - 1, -1, -1):
        if t < horizon - 1:
            for i in range(storages):
                value = link[i, t + 1] * rows[i, t + 1]
                for n in range(i):
                    value -= chain[t, i, n] * work[n]
                work[i] = value / chain[t, i, i]
            for i in range(storages):
                rows[i, t] -= work[i]
        for i in range(storages - 1, -1, -1):
            value = rows[i, t]
            for n in range(i + 1, storages):
                value -= chain[t, n, i] * rows[n, t]
            rows[i, t] = value / chain[t, i, i]


@jit
def _border(width, balance, total_of, inner, cross, chain, link, column, border, schur):  # type: ignore[no-untyped-def]
    totals, storages, horizon = border.shape
    work = np.empty(storages)
    column[:, :, :] = 0.0
    schur[:, :] = 0.0
    for k in range(width.shape[0]):
        if total_of[k, 0] == UNTOTALLED:
            continue
        for t in range(horizon):
            r = total_of[k, t]
            if r >= 0:
                column[r, 0, t] += width[k, t] * balance[k, 0, t]
                column[r, 1, t] += width[k, t] * balance[k, 1, t]
                schur[r, r] += width[k, t]
    for r in range(totals):
        for t in range(horizon):
            el = inner[0, t] * column[r, 0, t] + inner[1, t] * column[r, 1, t]
            heat = inner[1, t] * column[r, 0, t] + inner[2, t] * column[r, 1, t]
            for i in range(storages):
                border[r, i, t] = -(cross[i, 0, t] * el + cross[i, 1, t] * heat)
            for q in range(r + 1):
                schur[r, q] -= el * column[q, 0, t] + heat * column[q, 1, t]
        _down(chain, link, border[r], work)
        for q in range(r + 1):
            for i in range(storages):
                for t in range(horizon):
                    schur[r, q] -= border[r, i, t] * border[q, i, t]
    cholesky(schur)


@jit
def solve(inner, cross, chain, link, column, border, schur, rows, sums):  # type: ignore[no-untyped-def]
    """Right-hand sides `rows` (2 + S, T) and `sums` (M,) become the multipliers, in place."""
    storages, horizon = link.shape
    totals = sums.size
    work = np.empty(max(storages, 1))
    for t in range(horizon):
        el = inner[0, t] * rows[0, t] + inner[1, t] * rows[1, t]
        heat = inner[1, t] * rows[0, t] + inner[2, t] * rows[1, t]
        rows[0, t], rows[1, t] = el, heat
        for i in range(storages):
            rows[2 + i, t] -= cross[i, 0, t] * el + cross[i, 1, t] * heat
        for r in range(totals):
            sums[r] -= column[r, 0, t] * el + column[r, 1, t] * heat
    chained = rows[2:]
    _down(chain, link, chained, work)
    for r in range(totals):
        for i in range(storages):
            for t in range(horizon):
                sums[r] -= border[r, i, t] * chained[i, t]
    _cholesky_solve(schur, sums)
    for r in range(totals):
        for i in range(storages):
            for t in range(horizon):
                chained[i, t] -= border[r, i, t] * sums[r]
    _up(chain, link, chained, work)
    for t in range(horizon):
        el = heat = 0.0
        for i in range(storages):
            el += cross[i, 0, t] * chained[i, t]
            heat += cross[i, 1, t] * chained[i, t]
        for r in range(totals):
            el += column[r, 0, t] * sums[r]
            heat += column[r, 1, t] * sums[r]
        rows[0, t] -= inner[0, t] * el + inner[1, t] * heat
        rows[1, t] -= inner[1, t] * el + inner[2, t] * heat


@jit
def _cholesky_solve(factor_, right):  # type: ignore[no-untyped-def]
    for r in range(right.size):
        for n in range(r):
            right[r] -= factor_[r, n] * right[n]
        right[r] /= factor_[r, r]
    for r in range(right.size - 1, -1, -1):
        for n in range(r + 1, right.size):
            right[r] -= factor_[n, r] * right[n]
        right[r] /= factor_[r, r]
