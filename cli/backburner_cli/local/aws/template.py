"""Reads CloudFormation's YAML as plain data: `!Ref X` becomes `{"Ref": "X"}`, as in its JSON form."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml


def load_template(path: Path) -> dict[str, Any]:
    """Read a template and expand its short forms."""
    template: dict[str, Any] = yaml.load(path.read_text(encoding="utf-8"), Loader=_Loader)  # noqa: S506 - a SafeLoader
    return template


def place_settings(template: dict[str, Any], settings: Mapping[str, str]) -> dict[str, str]:
    """The template's parameters that set these variables of its functions; adds those that have no parameter."""
    variables, found = template["Globals"]["Function"]["Environment"]["Variables"], dict[str, str]()
    for name, value in settings.items():
        match variables.get(name):
            case {"Ref": str(parameter)} | {"Fn::If": [_, {"Ref": str(parameter)}, _]} if parameter in _own(template):
                found[parameter] = value
            case _:
                variables[name] = value
    return found


def _own(template: dict[str, Any]) -> Mapping[str, Any]:
    parameters: Mapping[str, Any] = template["Parameters"]
    return parameters


class _Loader(yaml.SafeLoader):
    """A YAML loader that knows the tags of CloudFormation's functions."""


def _intrinsic(loader: _Loader, suffix: str, node: yaml.Node) -> dict[str, Any]:
    name = suffix if suffix in {"Ref", "Condition"} else f"Fn::{suffix}"
    match node:
        case yaml.ScalarNode():
            text = loader.construct_scalar(node)
            return {name: text.split(".", 1) if suffix == "GetAtt" else text}
        case yaml.SequenceNode():
            return {name: loader.construct_sequence(node, deep=True)}
        case yaml.MappingNode():
            return {name: loader.construct_mapping(node, deep=True)}
        case _:
            raise yaml.constructor.ConstructorError(None, None, f"!{suffix} of what?", node.start_mark)


_Loader.add_multi_constructor("!", _intrinsic)
