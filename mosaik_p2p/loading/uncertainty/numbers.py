"""Random numbers that follow from a seed and a place alone.

Every place has a stream of its own, so that neither the order in which they are asked nor a place more or less changes
the others. Only the raw bits of PCG64 and of numpy's seeding are used, whose streams are fixed by numpy's policy on
random numbers (NEP 19), unlike those of its distributions.
"""

import hashlib

import numpy as np
from scipy.signal import lfilter
from scipy.special import ndtri

from mosaik_p2p.units import FloatArray

DIGEST_BYTES = 8
BITS_DROPPED, UNIT = np.uint64(11), 2.0**-53
"""A double has 53 bits of the 64."""


def uniforms(seed: int, place: str, count: int) -> FloatArray:
    """Numbers in (0, 1), shape (count,); the first ones are the same whatever the count."""
    digest = hashlib.sha256(place.encode()).digest()
    bits = np.random.PCG64(np.random.SeedSequence([seed, int.from_bytes(digest[:DIGEST_BYTES], "big")]))
    raw = np.atleast_1d(bits.random_raw(count)) >> BITS_DROPPED
    # In the middle of its cell, no number is 0, which would have no quantile.
    return (raw.astype(np.float64) + 0.5) * UNIT


def normals(seed: int, place: str, count: int) -> FloatArray:
    """Standard normal numbers, shape (count,)."""
    return np.asarray(ndtri(uniforms(seed, place, count)), dtype=np.float64)


def persistent_normals(seed: int, place: str, count: int, *, kept: float) -> FloatArray:
    """Standard normal numbers of which each keeps the share `kept` of the one before (AR(1)), shape (count,)."""
    fresh = normals(seed, place, count)
    fresh[1:] *= np.sqrt(1.0 - kept**2)
    return np.asarray(lfilter([1.0], [1.0, -kept], fresh), dtype=np.float64)


def log_normal(standard: FloatArray, spread: float) -> FloatArray:
    """Factors with mean 1 and this standard deviation, from standard normal numbers."""
    sigma2 = np.log1p(spread**2)
    return np.asarray(np.exp(np.sqrt(sigma2) * standard - sigma2 / 2.0), dtype=np.float64)


def whole_number(seed: int, place: str, low: int, high: int) -> int:
    """From low to high, both ends included, each as likely."""
    return low + int(uniforms(seed, place, 1)[0] * (high - low + 1))
