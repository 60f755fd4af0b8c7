"""Renders pages from templates."""

from importlib.resources import files
from typing import Any

from jinja2 import Environment, FunctionLoader, StrictUndefined

from backburner_cli.terminal import printable, span


def render(name: str, **values: Any) -> str:
    """Render a page. Every value is escaped, so that nothing in a page can run or fetch anything."""
    return _environment().get_template(name).render(**values)


def _environment() -> Environment:
    environment = Environment(
        loader=FunctionLoader(lambda name: (files("backburner_cli.pages") / name).read_text(encoding="utf-8")),
        autoescape=True,
        finalize=_readable,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"whole": _whole, "money": _money, "span": span, "moment": _moment}
    return environment


def _readable(value: Any) -> Any:
    """Show characters that would change the direction of text as escapes."""
    return printable(value) if type(value) is str else value


def _whole(value: int | None) -> str:
    return "" if value is None else f"{value:,}"


def _money(value: float | None) -> str:
    return "unknown" if value is None else f"{value:,.4f}"


def _moment(value: Any) -> str:
    return "" if value is None else f"{value:%Y-%m-%d %H:%M} UTC"
