"""What stands beneath the keys of a section, read when somebody asks for it."""

import ast
import inspect
from collections.abc import Mapping
from functools import cache
from itertools import pairwise
from textwrap import dedent

from pydantic import BaseModel


def meaning_of(kind: type[BaseModel], name: str) -> str:
    """What is said about a field, in one line: its description, or the text beneath it in the class that declares it.

    Pydantic itself can read such texts (`use_attribute_docstrings`), but does so when a class is made: half a second of
    every start of the program, for texts that only reference, editors and messages show.
    """
    said = kind.model_fields[name].description
    texts = (_texts_of(part).get(name) for part in kind.__mro__ if issubclass(part, BaseModel))
    return " ".join((said or next((text for text in texts if text), "")).split())


@cache
def _texts_of(kind: type) -> Mapping[str, str]:
    """Texts beneath the names that a class declares; none of a class that was made without source."""
    try:
        made = ast.parse(dedent(inspect.getsource(kind))).body[0]
    except (OSError, TypeError, SyntaxError):
        return {}
    return {
        named.target.id: inspect.cleandoc(beneath.value.value)
        for named, beneath in pairwise(made.body if isinstance(made, ast.ClassDef) else ())
        if isinstance(named, ast.AnnAssign) and isinstance(named.target, ast.Name)
        if isinstance(beneath, ast.Expr) and isinstance(beneath.value, ast.Constant)
        if isinstance(beneath.value.value, str)
    }
