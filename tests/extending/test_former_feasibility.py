"""`mosaik_p2p.feasibility`, the former name of `mosaik_p2p.limits`, which README named."""

import importlib
import sys

import pytest

from mosaik_p2p.limits import checking, violation


def test_the_former_name_leads_to_the_new_one_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "mosaik_p2p.feasibility", raising=False)
    with pytest.warns(DeprecationWarning, match=r"mosaik_p2p\.limits"):
        former = importlib.import_module("mosaik_p2p.feasibility")
    assert (former.violation, former.checked) == (violation, checking)
    with pytest.raises(AttributeError, match="no module 'nothing'"):
        _ = former.nothing
