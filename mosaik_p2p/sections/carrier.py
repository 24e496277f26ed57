"""Which form of energy a key is about."""

from typing import Literal, TypeAlias

Carrier: TypeAlias = Literal["electricity", "heat"]
