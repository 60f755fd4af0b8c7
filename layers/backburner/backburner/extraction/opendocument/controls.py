"""Form fields: what is ticked, chosen or filled in."""

from dataclasses import dataclass, field

from backburner.extraction.markdown import TICKED, UNTICKED
from backburner.extraction.opendocument.names import children, name_of, value
from backburner.extraction.xmltree import Element

_TICKED = frozenset({"checked", "true"})


@dataclass
class Controls:
    """The form fields that a document declares, by name."""

    _shown: dict[str, str] = field(default_factory=dict)

    def read(self, forms: Element) -> None:
        """Read the forms of a document or a page."""
        for element in forms.iter():
            name = value(element, "xml:id") or value(element, "form:id")
            if name and name_of(element).startswith("form:"):
                self._shown[name] = _shown(element)

    def shown(self, control: Element) -> str:
        """What a field shows where it is used."""
        return self._shown.get(value(control, "draw:control"), "")


def _shown(element: Element) -> str:
    label = value(element, "form:label")
    match name_of(element):
        case "form:checkbox" | "form:radio":
            state = value(element, "form:current-state") or value(element, "form:current-selected")
            state = state or value(element, "form:state") or value(element, "form:selected")
            return f"{_box(is_ticked=state in _TICKED)} {label}".strip()
        case "form:listbox":
            options = children(element, "form:option")
            chosen = [one for one in options if value(one, "form:current-selected") == "true"] or [
                one for one in options if value(one, "form:selected") == "true"
            ]
            return ", ".join(value(one, "form:label") or value(one, "form:value") for one in chosen)
        case "form:password" | "form:hidden":
            return ""
        case _:
            paragraphs = " ".join("".join(one.itertext()) for one in children(element, "text:p"))
            return paragraphs or value(element, "form:current-value") or value(element, "form:value") or label


def field_mark(element: Element) -> str:
    """What a field from a Word form shows if it has no text of its own."""
    kind = value(element, "field:type")
    params = {value(one, "field:name"): value(one, "field:value") for one in element if name_of(one) == "field:param"}
    if kind.endswith("CHECKBOX"):
        return _box(is_ticked=params.get("Checkbox_Checked") in _TICKED)
    if not kind.endswith("DROPDOWN"):
        return ""
    entries = [
        value(one, "field:value")
        for one in element
        if name_of(one) == "field:param" and value(one, "field:name") == "Dropdown_ListEntry"
    ]
    chosen = params.get("Dropdown_Selected", "0")
    index = int(chosen) if chosen.isdecimal() else 0
    return entries[index] if index < len(entries) else ""


def _box(*, is_ticked: bool) -> str:
    return TICKED if is_ticked else UNTICKED
