"""Which market designs there are."""

from collections.abc import Mapping

from mosaik_p2p.market.designs.base import Design
from mosaik_p2p.sections.registry import Registry

GROUP = "mosaik_p2p.designs"


def _lacking(kind: type[Design]) -> str | None:
    """What a design does not say of itself."""
    if not kind.__doc__ or kind.__doc__ == Design.__doc__:
        return "has no docstring, which says who trades and how the networks are kept"
    silent = [key for key in kind.known_keys() if not kind.meaning(key)]
    if silent:
        return f"does not say what `{silent[0]}` means, by a text below the key"
    required = [key for key, field in kind.model_fields.items() if field.is_required()]
    if required:
        return f"has no default for `{required[0]}`: a design is asked for by its name alone"
    return None


DESIGNS = Registry(
    sort="market design",
    group=GROUP,
    package="mosaik_p2p.market.designs.kinds",
    base=Design,  # type: ignore[type-abstract]  # others are compared with it, it is not called
    lacking=_lacking,
)


def designs_with_keys() -> Mapping[str, type[Design]]:
    """The designs that have a table `[market.NAME]`, by name. Raises BadInput where a kind is unusable."""
    return {name: kind for name, kind in DESIGNS.known().items() if kind.model_fields}
