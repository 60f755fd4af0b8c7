"""Charts and SmartArt are read from the values stored with them."""

from lxml import etree

from backburner.extraction.drawing import chart_text, diagram_text

C = "http://schemas.openxmlformats.org/drawingml/2006/chart"
CX = "http://schemas.microsoft.com/office/drawing/2014/chartex"
A = "http://schemas.openxmlformats.org/drawingml/2006/main"
DGM = "http://schemas.openxmlformats.org/drawingml/2006/diagram"


def _chart(inside: str, prefix: str = "c") -> str:
    space = CX if prefix == "cx" else C
    xml = f'<{prefix}:chartSpace xmlns:{prefix}="{space}" xmlns:a="{A}">{inside}</{prefix}:chartSpace>'
    return chart_text(etree.fromstring(xml))


def _title(text: str) -> str:
    return f"<c:title><c:tx><c:rich><a:p><a:r><a:t>{text}</a:t></a:r></a:p></c:rich></c:tx></c:title>"


def _cache(kind: str, *points: str, code: str = "") -> str:
    inside = "".join(f'<c:pt idx="{place}"><c:v>{point}</c:v></c:pt>' for place, point in enumerate(points))
    code = f"<c:formatCode>{code}</c:formatCode>" if code else ""
    return f"<c:{kind}Ref><c:f>Sheet1!A1</c:f><c:{kind}Cache>{code}{inside}</c:{kind}Cache></c:{kind}Ref>"


def test_series_share_a_table_and_titles_stand_above() -> None:
    """Each series is a column; floating-point noise is removed; percents and dates appear as their format shows."""
    days = f"<c:cat>{_cache('num', '45761', '45762', code='d.m.yyyy')}</c:cat>"
    tons, share = _cache("num", "0.30000000000000004", "7"), _cache("num", "0.255", code="0.0%")
    one = f"<c:ser><c:tx>{_cache('str', 'Tons')}</c:tx>{days}<c:val>{tons}</c:val></c:ser>"
    two = f"<c:ser><c:tx>{_cache('str', 'Share')}</c:tx>{days}<c:val>{share}</c:val></c:ser>"
    axis = f"<c:valAx>{_title('Weight')}</c:valAx>"
    text = _chart(
        f"<c:chart>{_title('Sales')}<c:plotArea><c:barChart>{one}{two}</c:barChart>{axis}</c:plotArea></c:chart>"
    )
    assert text == (
        "Chart: Sales\nvalue axis: Weight\n\n"
        "|  | Tons | Share |\n| --- | --- | --- |\n| 2025-04-14 | 0.3 | 25.5% |\n| 2025-04-15 | 7 |  |"
    )


def test_series_with_separate_points_have_separate_tables() -> None:
    """Scatter and bubble charts have such series."""
    series = "".join(
        f"<c:ser><c:tx><c:v>{name}</c:v></c:tx><c:xVal>{_cache('num', x)}</c:xVal><c:yVal>{_cache('num', '2')}</c:yVal>"
        f"<c:bubbleSize><c:numLit><c:pt idx='0'><c:v>9</c:v></c:pt></c:numLit></c:bubbleSize></c:ser>"
        for name, x in (("A", "1"), ("B", "5"))
    )
    text = _chart(f"<c:bubbleChart>{series}</c:bubbleChart>")
    assert "|  | A | A (size) |\n| --- | --- | --- |\n| 1 | 2 | 9 |" in text
    assert "|  | B | B (size) |\n| --- | --- | --- |\n| 5 | 2 | 9 |" in text


def test_categories_of_several_levels_are_joined() -> None:
    """An outer category applies to all below it; gaps stay gaps."""
    inner = "".join(f'<c:pt idx="{place}"><c:v>Q{place}</c:v></c:pt>' for place in range(3))
    outer = '<c:pt idx="0"><c:v>2024</c:v></c:pt><c:pt idx="2"><c:v>2025</c:v></c:pt>'
    levels = f"<c:lvl>{inner}</c:lvl><c:lvl>{outer}</c:lvl>"
    cat = f"<c:cat><c:multiLvlStrRef><c:multiLvlStrCache>{levels}</c:multiLvlStrCache></c:multiLvlStrRef></c:cat>"
    val = "<c:val><c:numRef><c:numCache><c:pt idx='2'><c:v>5</c:v></c:pt></c:numCache></c:numRef></c:val>"
    text = _chart(f"<c:ser>{cat}{val}</c:ser>")
    assert "| 2024 / Q0 |  |\n| 2024 / Q1 |  |\n| 2025 / Q2 | 5 |" in text


def test_newer_kinds_of_charts_are_read() -> None:
    """Waterfall, funnel and treemap charts use another vocabulary, but give the same text."""
    data = (
        '<cx:chartData><cx:data id="0"><cx:strDim type="cat"><cx:lvl><cx:pt idx="0">Start</cx:pt>'
        '<cx:pt idx="1">End</cx:pt></cx:lvl></cx:strDim><cx:numDim type="val"><cx:lvl><cx:pt idx="0">10</cx:pt>'
        '<cx:pt idx="1">-3</cx:pt></cx:lvl></cx:numDim></cx:data></cx:chartData>'
    )
    title = "<cx:title><cx:tx><cx:rich><a:p><a:r><a:t>Cash</a:t></a:r></a:p></cx:rich></cx:tx></cx:title>"
    series = '<cx:series><cx:tx><cx:txData><cx:v>Flow</cx:v></cx:txData></cx:tx><cx:dataId val="0"/></cx:series>'
    text = _chart(f"{data}<cx:chart>{title}<cx:plotArea>{series}</cx:plotArea></cx:chart>", "cx")
    assert text == "Chart: Cash\n\n|  | Flow |\n| --- | --- |\n| Start | 10 |\n| End | -3 |"


def test_a_chart_without_values_is_empty_and_absurd_indexes_cost_nothing() -> None:
    """The caller has to note that the chart exists."""
    assert _chart("<c:chart><c:plotArea/></c:chart>") == ""
    far = '<c:ser><c:val><c:numLit><c:pt idx="99999999999"><c:v>1</c:v></c:pt></c:numLit></c:val></c:ser>'
    assert _chart(far) == ""


def test_smartart_is_a_nested_list() -> None:
    """It follows the connections, with each text once, even if they form a cycle."""
    points = "".join(
        f'<dgm:pt modelId="{name}" {kind}><dgm:t><a:p><a:r><a:t>{text}</a:t></a:r></a:p></dgm:t></dgm:pt>'
        for name, kind, text in (
            ("0", 'type="doc"', ""), ("2", "", "Build"), ("1", "", "Plan"), ("3", "", "Ask"), ("9", 'type="pres"', "x"),
            ("7", "", "Ring"), ("8", "", "Round"),
        )
    )  # fmt: skip
    links = "".join(
        f'<dgm:cxn modelId="c{place}" srcId="{above}" destId="{below}" srcOrd="{order}"/>'
        for place, (above, below, order) in enumerate(
            [("0", "1", 0), ("0", "2", 1), ("1", "3", 0), ("7", "8", 0), ("8", "7", 0)]
        )
    )
    inside = f"<dgm:ptLst>{points}</dgm:ptLst><dgm:cxnLst>{links}</dgm:cxnLst>"
    model = f'<dgm:dataModel xmlns:dgm="{DGM}" xmlns:a="{A}">{inside}</dgm:dataModel>'
    assert diagram_text(etree.fromstring(model)) == "- Plan\n  - Ask\n- Build\n- Ring\n  - Round"
