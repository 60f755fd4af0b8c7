"""Reads YAML strictly. Imported only for a recipe with front matter, because PyYAML is slow to import."""

from collections import Counter
from typing import Any

import yaml

NotYamlError = yaml.YAMLError


def load(text: str) -> Any:
    """Parse YAML without aliases or repeated keys. Raises `NotYamlError`, and whatever constructors raise."""
    return yaml.load(text, Loader=_StrictLoader)  # noqa: S506 - a SafeLoader, stricter still


class _StrictLoader(yaml.SafeLoader):
    """Allows no aliases, so that a file is no larger in memory than on disk, and no repeated keys."""

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        if self.check_event(yaml.AliasEvent):
            raise yaml.YAMLError("aliases (*name) are not allowed in a recipe: write the value out")
        return super().compose_node(parent, index)

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:  # noqa: FBT001, FBT002
        times = Counter(key.value for key, _ in node.value if isinstance(key, yaml.ScalarNode))
        if twice := sorted(name for name, count in times.items() if count > 1):
            raise yaml.YAMLError(f"{', '.join(twice)} appears twice")
        return super().construct_mapping(node, deep)
