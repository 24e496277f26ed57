"""How commands put what they found into words."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from json import dumps
from typing import TYPE_CHECKING

from mosaik_p2p.errors import Fault, InputWarning

if TYPE_CHECKING:
    from mosaik_p2p.loading import Examination


def section(title: str, entries: Mapping[str, str]) -> str:
    """A title, and below it names with what they are."""
    width = max((len(name) for name in entries), default=0)
    return "\n".join([title, *(f"  {name:<{width}}  {text}" for name, text in entries.items())])


def remarks_text(remarks: Sequence[Fault | InputWarning], kind: str) -> str:
    """All faults or warnings, readable: the place with its value, then the problem, then the remedy."""
    heading = f"1 {kind}:" if len(remarks) == 1 else f"{len(remarks)} {kind}s:"
    blocks = [
        f"{number:>3}. {remark.located} = {remark.value}\n     {remark.problem}\n     {remark.remedy}"
        for number, remark in enumerate(remarks, start=1)
    ]
    return "\n".join([heading, *blocks])


def examination_json(found: "Examination") -> str:
    """What `check` found, for programs."""
    return dumps(asdict(found), indent=2, ensure_ascii=False)
