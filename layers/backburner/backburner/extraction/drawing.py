"""Charts and SmartArt in Office documents as text: the same DrawingML in Word, PowerPoint and Excel.

Besides references into a workbook, a chart holds the values last calculated; those are read.
"""

import re
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta

from backburner.extraction.markdown import table
from backburner.extraction.xmltree import Element, attribute, local_name

_AXES = {"catAx": "category axis", "valAx": "value axis", "dateAx": "date axis", "serAx": "series axis"}
_CACHES = ("strCache", "numCache", "strLit", "numLit", "multiLvlStrCache")
_MAX_POINTS = 1_000_000
"""In one series; a higher index is a mistake or an attack."""
_CODE_LITERALS = re.compile(r'"[^"]*"|\\.|\[[^\]]*\]')
_DAY_ZERO, _DAY_ZERO_1904 = datetime(1899, 12, 30), datetime(1904, 1, 1)  # noqa: DTZ001 - a cell knows no zone
_LAST_DAY = 2_958_465
_NO_TEXT_POINTS = frozenset({"pres", "parTrans", "doc"})


def chart_text(chart: Element) -> str:
    """A chart part (`c:chartSpace`, or `cx:chartSpace` for newer kinds) as a title and a table; "" if it holds nothing.

    A row for each category, a column for each series; series with different categories get separate tables.
    """
    is_1904 = any(attribute(one, "val") in (None, "1", "true") for one in _named(chart, "date1904"))
    series = [_series(one, is_1904=is_1904) for one in _named(chart, "ser")]
    series += [_extended_series(one, chart) for one in _named(chart, "series")]
    tables = list(_tables([one for one in series if any(any(column) for _, column in one)]))
    titles = list(_titles(chart))
    if not tables and not any(titles):
        return ""
    head = f"Chart: {titles[0]}" if titles and titles[0] else "Chart:"
    labels = _paragraphs_of(label for label in _named(chart, "dLbl"))
    lines = [head, *titles[1:], *(f"label: {label}" for label in labels)]
    return "\n\n".join(["\n".join(lines), *(one.rstrip("\n") for one in tables)])


def diagram_text(data: Element) -> str:
    """A SmartArt data part (`dgm:dataModel`) as a nested list; "" if it holds no text."""
    texts = {
        attribute(point, "modelId") or f"#{index}": " ".join(_paragraphs(point))
        for index, point in enumerate(_named(data, "pt"))
        if attribute(point, "type") not in _NO_TEXT_POINTS
    }
    children: dict[str, list[tuple[int, str]]] = {}
    inner = set()
    for link in _named(data, "cxn"):
        above, below = attribute(link, "srcId") or "", attribute(link, "destId") or ""
        if attribute(link, "type") in (None, "parOf") and below in texts:
            children.setdefault(above, []).append((_number(attribute(link, "srcOrd")), below))
            if above in texts:
                inner.add(below)
    tops = [below for above in children if above not in texts for _, below in sorted(children[above])]
    tops += [one for one in texts if one not in inner and one not in tops]
    return "\n".join(_outline([*tops, *texts], texts, children))


def drawing_text(shape: Element) -> str:
    """The paragraphs of text in DrawingML shapes (`a:p`), one per line; "" if there are none."""
    return "\n".join(_paragraphs(shape))


def _outline(tops: Iterable[str], texts: dict[str, str], children: dict[str, list[tuple[int, str]]]) -> Iterator[str]:
    """Each point once, below its parent; points that form a ring come last."""
    pending = [(one, 0) for one in reversed(list(tops))]
    seen = set()
    while pending:
        one, level = pending.pop()
        if one in seen:
            continue
        seen.add(one)
        if texts[one]:
            yield f"{'  ' * level}- {texts[one]}"
        below = level + 1 if texts[one] else level
        pending += [(child, below) for _, child in sorted(children.get(one, []), reverse=True)]


Series = list[tuple[str, list[str]]]
"""A series' columns with their headers; the first holds its categories or x values."""


def _series(element: Element, *, is_1904: bool) -> Series:
    parts = {local_name(child): child for child in element}
    name = " ".join(_values(parts["tx"], is_1904=is_1904)) if "tx" in parts else ""
    against = parts.get("cat", parts.get("xVal"))
    columns: Series = [("", _values(against, is_1904=is_1904) if against is not None else [])]
    for kind, more in (("val", ""), ("yVal", ""), ("bubbleSize", " (size)")):
        if kind in parts:
            columns.append((name + more, _values(parts[kind], is_1904=is_1904)))
    return columns


def _extended_series(element: Element, chart: Element) -> Series:
    """A series of the newer charts (waterfall, treemap, funnel, histogram), which refer to their data by an id."""
    data_id = next((attribute(one, "val") for one in element if local_name(one) == "dataId"), None)
    name = " ".join(" ".join((one.text or "").split()) for one in _named(element, "v"))
    strings: list[str] = []
    columns: Series = []
    for data in _named(chart, "data"):
        if attribute(data, "id") != data_id:
            continue
        for dimension in data:
            levels = [_points(level) for level in _named(dimension, "lvl")]
            if local_name(dimension) == "strDim":
                strings = _joined(levels)
            elif local_name(dimension) == "numDim":
                columns += [(name, level) for level in levels]
    return [("", strings), *columns]


def _tables(series: list[Series]) -> Iterator[str]:
    """Series with the same categories share a table, in their order."""
    groups: dict[tuple[str, ...], Series] = {}
    for (_, categories), *values in series:
        groups.setdefault(tuple(categories), []).extend(values)
    for against, columns in groups.items():
        length = max([len(against), *(len(column) for _, column in columns)])
        listed = [list(against)] * bool(against) + [column for _, column in columns]
        heads = [""] * bool(against) + [name for name, _ in columns]
        rows = ([column[row] if row < len(column) else "" for column in listed] for row in range(length))
        yield table([heads, *rows])


def _titles(chart: Element) -> Iterator[str]:
    """The chart's own title ("" if it has none) and those of its axes."""
    titles = [
        (local_name(parent), title) for title in _named(chart, "title") if (parent := title.getparent()) is not None
    ]
    own = (title for kind, title in titles if kind not in {*_AXES, "axis"})
    yield " ".join(_title(next(own, None)).split())
    for kind, title in titles:
        if kind in {*_AXES, "axis"} and (text := " ".join(_title(title).split())):
            yield f"{_AXES.get(kind, 'axis')}: {text}"


def _title(title: Element | None) -> str:
    if title is None:
        return ""
    return " ".join(_paragraphs(title)) or " ".join((one.text or "") for one in _named(title, "v"))


def _values(source: Element, *, is_1904: bool) -> list[str]:
    """The cached values of a reference, or literals; categories of several levels are joined, outermost first."""
    for cache in (one for one in source.iter() if local_name(one) in _CACHES):
        levels = [one for one in cache if local_name(one) == "lvl"]
        if levels:
            return _joined([_points(level) for level in levels])
        code = next((one.text or "" for one in cache if local_name(one) == "formatCode"), "")
        is_number = local_name(cache).startswith("num")
        return [_shown(value, code, is_1904=is_1904) if is_number else value for value in _points(cache)]
    texts = _paragraphs(source) or [" ".join((one.text or "").split()) for one in _named(source, "v")]
    return [" ".join(texts)]


def _points(cache: Element) -> list[str]:
    """The points by index; missing ones are empty."""
    found: dict[int, str] = {}
    for position, point in enumerate(one for one in cache if local_name(one) == "pt"):
        index = _number(attribute(point, "idx"), position)
        text = point.text if len(point) == 0 else "".join(value.text or "" for value in _named(point, "v"))
        if 0 <= index < _MAX_POINTS:
            found[index] = " ".join((text or "").split())
    return [found.get(index, "") for index in range(max(found, default=-1) + 1)]


def _joined(levels: list[list[str]]) -> list[str]:
    """One label for each category of several levels: an outer label applies until the next one."""
    length = max(map(len, levels), default=0)
    filled = []
    for depth, level in enumerate(levels):
        shown, last = [], ""
        for index in range(length):
            own = level[index] if index < len(level) else ""
            last = own or (last if depth else "")
            shown.append(last)
        filled.append(shown)
    return [" / ".join(part for part in parts if part) for parts in zip(*reversed(filled), strict=True)]


def _shown(value: str, code: str, *, is_1904: bool) -> str:
    """A number, formatted where the format changes its meaning (dates, percent); no noise of binary fractions."""
    try:
        number = float(value)
    except ValueError:
        return value
    plain = _CODE_LITERALS.sub("", code.split(";", maxsplit=1)[0]).lower()
    if plain != "general" and re.search("[ymdhs]", plain) and 0 <= number <= _LAST_DAY:
        moment = (_DAY_ZERO_1904 if is_1904 else _DAY_ZERO) + timedelta(days=number)
        return f"{moment:%Y-%m-%d %H:%M}" if re.search("[hs]", plain) else f"{moment:%Y-%m-%d}"
    return f"{number * 100:.12g}%" if plain.endswith("%") else f"{number:.15g}"


def _paragraphs(element: Element) -> list[str]:
    return list(_paragraphs_of([element]))


def _paragraphs_of(elements: Iterable[Element]) -> Iterator[str]:
    """DrawingML paragraphs with line breaks as spaces; empty ones are left out."""
    for element in elements:
        for paragraph in _named(element, "p"):
            pieces = [
                (one.text or "") if local_name(one) == "t" else " "
                for one in paragraph.iter()
                if local_name(one) in ("t", "br", "tab")
            ]
            text = " ".join("".join(pieces).split())
            if text:
                yield text


def _named(element: Element, name: str) -> Iterator[Element]:
    return element.iter(f"{{*}}{name}")


def _number(text: str | None, otherwise: int = 0) -> int:
    return int(text) if text and text.isascii() and text.isdigit() else otherwise
