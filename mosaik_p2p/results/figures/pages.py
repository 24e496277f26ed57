"""Pages of figures: one HTML file each that needs nothing else and asks for nothing, all in one look.

A page extends `page.html.j2` and draws its panels by `panels.html.j2`.
"""

import json
from collections.abc import Callable, Iterable
from typing import Any

import jinja2
import plotly.io

from mosaik_p2p.results.figures.style import Panel

HERE = "mosaik_p2p.results.figures"
PLOT_CONFIG = {"responsive": True, "displaylogo": False, "displayModeBar": False}


def page_template(package: str, name: str, functions: Iterable[Callable[..., Any]]) -> jinja2.Template:
    """The template `name` of a package, which may call the `functions` by their own names."""
    environment = jinja2.Environment(
        loader=jinja2.ChoiceLoader([jinja2.PackageLoader(where, ".") for where in (package, HERE)]),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals |= {"plot": plot, "data": data, **{function.__name__: function for function in functions}}
    return environment.get_template(name)


def data(numbers: object) -> str:
    """JSON in the page, read when it is asked for; `<` is escaped so that no name can end it."""
    return json.dumps(numbers, sort_keys=True, allow_nan=False).replace("<", "\\u003c")


def plot(panel: Panel) -> str:
    """Traces, layout and settings of the figure, as `data` has it: the page draws it when it comes into view."""
    figure = json.loads(plotly.io.to_json(panel.figure, validate=False))
    return data([figure["data"], figure["layout"], PLOT_CONFIG])
