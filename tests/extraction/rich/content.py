"""The rich document's content in order, as plain data: what every reader's output is compared with."""

# ruff: noqa: RUF001 - the letters are Cyrillic and Chinese on purpose

from dataclasses import dataclass


@dataclass(frozen=True)
class Block:
    """A piece of the document. `kind` is heading1, heading2, clause1, clause2, clause3, bullet1, bullet2, or text."""

    kind: str
    text: str


TITLE = "Rahmenvertrag über die Lieferung von Ersatzteilen"
TABLE = [
    ["Position", "Menge", "Preis je Stück"],
    ["Zahnräder für Förderbänder", "1250", "17,40"],
    ["Подшипники роликовые", "300", "96,05"],
    ["液压泵组件", "12", "4310,00"],
]
FOOTNOTE = "Maßgeblich ist der Tag des Eingangs beim Empfänger."
ENDNOTE = "Vereinbart in Düsseldorf während der Herbstmesse."
COLUMNS = [
    (
        "Spaltensatz beginnt hier: Die Parteien bestätigen gegenseitig, sämtliche Unterlagen rechtzeitig erhalten und "
        "sorgfältig geprüft zu haben, bevor diese Vereinbarung unterschrieben wurde."
    ),
    (
        "Договор составлен в двух экземплярах, имеющих одинаковую юридическую силу, по одному для каждой стороны; "
        "переводы служат исключительно для справки."
    ),
    "本合同一式两份，双方各执一份，具有同等法律效力。争议应提交上海仲裁委员会解决。",
    "Letzter Absatz im Spaltensatz: Nebenabreden bestehen keine, Änderungen bedürfen zwingend schriftlicher Form.",
]
BLOCKS = [
    Block("heading1", "Gegenstand und Geltungsbereich"),
    Block("clause1", "Der Lieferant verkauft dem Besteller ausschließlich geprüfte Ersatzteile."),
    Block("clause2", "Abweichende Bedingungen gelten nur nach ausdrücklicher Zustimmung."),
    Block("clause3", "Stillschweigen bedeutet niemals Einverständnis."),
    Block("clause3", "Telefonische Absprachen sind unbeachtlich."),
    Block("clause2", "Frühere Vereinbarungen treten außer Kraft."),
    Block("clause1", "Поставщик гарантирует качество поставляемых изделий в течение двадцати четырёх месяцев."),
    Block("heading2", "Begriffe"),
    Block("bullet1", "Werktage sind Montag bis Freitag"),
    Block("bullet2", "ausgenommen gesetzliche Feiertage"),
    Block("bullet2", "ausgenommen betriebliche Ruhezeiten"),
    Block("bullet1", "Schriftform umfasst elektronische Nachrichten"),
    Block("heading1", "Preise und Zahlung"),
    Block("text", "Nachstehende Übersicht enthält verbindliche Preise ohne Umsatzsteuer."),
    Block("table", ""),
    Block("text", "Zahlungen erfolgen binnen dreißig Kalendertagen"),
    Block("footnote", FOOTNOTE),
    Block("text", "Verzugszinsen richten sich nach §288 sowie anerkannten Handelsbräuchen"),
    Block("endnote", ENDNOTE),
    Block("heading1", "交付与验收"),
    Block("text", "卖方应在收到订单后三十天内交付全部货物，并提供完整的技术文件。"),
    Block("heading1", "Schlussbestimmungen"),
    Block("columns", ""),
]
NUMBERS = {
    "Der Lieferant verkauft": "1.",
    "Abweichende Bedingungen": "1.1",
    "Stillschweigen bedeutet": "(a)",
    "Telefonische Absprachen": "(b)",
    "Frühere Vereinbarungen": "1.2",
    "Поставщик гарантирует": "2.",
}
"""The number that a reader of the printed page sees before each clause."""


def text() -> str:
    """The whole content as one text, with each note after its paragraph."""
    parts = [TITLE]
    for block in BLOCKS:
        match block.kind:
            case "table":
                parts += [cell for row in TABLE for cell in row]
            case "columns":
                parts += COLUMNS
            case _:
                parts.append(block.text)
    return "\n".join(parts)
