"""Two hundred quotes and the documents they are said to come from: twenty languages, with ten variants of each.

Each language has a clause of a contract, a paraphrase of it, an invented clause in its style, and a clause of another
part. The documents are made of these: with lines broken, words hyphenated, invisible characters, and so on.
"""

import unicodedata
from collections.abc import Callable, Iterator
from dataclasses import dataclass


@dataclass(frozen=True)
class Clause:
    """A clause in one language. `true` contains a number in digits, and a word of at least six letters, `word`."""

    language: str
    before: str
    true: str
    after: str
    word: str
    paraphrase: str
    invented: str
    elsewhere: str


@dataclass(frozen=True)
class Case:
    """A quote, the text that is searched for it, and the passage that must be found; None: no passage may be found."""

    name: str
    text: str
    quote: str
    passage: str | None


CLAUSES = (
    Clause(
        "English", "1. Rent.", 'The tenant pays a monthly rent of 1,250 euros - the "base rent" - in advance.',
        "Heating is charged apart.", "monthly", "Each month the tenant owes 1,250 euros before it begins.",
        "The landlord may raise the rent by 5 percent every year.", "Either party may give notice of 90 days in writing.",
    ),
    Clause(
        "German", "§ 3 Miete", 'Die monatliche Miete beträgt 1.250 Euro - die "Grundmiete" - und ist im Voraus fällig.',
        "Heizkosten werden gesondert abgerechnet.", "monatliche", "Monatlich sind vorab 1.250 Euro Miete zu zahlen.",
        "Der Vermieter haftet für alle Schäden bis 5.000 Euro.", "Die Kündigungsfrist beträgt 90 Tage zum Monatsende.",
    ),
    Clause(
        "French", "Article 3", 'Le loyer mensuel est fixé à 1250 euros - le "loyer de base" - payable d\'avance.',
        "Les charges sont facturées à part.", "mensuel", "Chaque mois le locataire verse 1250 euros d'avance.",
        "Le bailleur peut augmenter le loyer de 5 pour cent par an.", "Le préavis est de 90 jours par lettre recommandée.",
    ),
    Clause(
        "Spanish", "Cláusula 3.", 'La renta mensual será de 1.250 euros - la "renta base" - pagadera por adelantado.',
        "La calefacción se factura aparte.", "mensual", "Cada mes el inquilino abona 1.250 euros antes de empezar.",
        "El arrendador podrá subir la renta un 5 por ciento.", "El preaviso será de 90 días y por escrito.",
    ),
    Clause(
        "Italian", "Art. 3", 'Il canone mensile è di 1.250 euro - il "canone base" - da pagare in anticipo.',
        "Il riscaldamento è fatturato a parte.", "mensile", "Ogni mese il conduttore versa 1.250 euro in anticipo.",
        "Il locatore può aumentare il canone del 5 per cento.", "Il preavviso è di 90 giorni per iscritto.",
    ),
    Clause(
        "Portuguese", "Cláusula 3.ª", 'A renda mensal é de 1.250 euros - a "renda base" - e paga-se com antecedência.',
        "O aquecimento é cobrado à parte.", "antecedência", "Todos os meses o inquilino paga 1.250 euros antes do início.",
        "O senhorio pode aumentar a renda em 5 por cento.", "A denúncia faz-se com 90 dias por escrito.",
    ),
    Clause(
        "Dutch", "Artikel 3", 'De maandelijkse huur bedraagt 1.250 euro - de "kale huur" - en is vooraf verschuldigd.',
        "Stookkosten worden apart berekend.", "maandelijkse", "Elke maand betaalt de huurder vooraf 1.250 euro.",
        "De verhuurder mag de huur met 5 procent verhogen.", "De opzegtermijn is 90 dagen, schriftelijk.",
    ),
    Clause(
        "Polish", "§ 3", 'Czynsz miesięczny wynosi 1250 złotych - tak zwany "czynsz podstawowy" - i płatny jest z góry.',
        "Ogrzewanie rozlicza się osobno.", "miesięczny", "Co miesiąc najemca płaci z góry 1250 złotych.",
        "Wynajmujący może podnieść czynsz o 5 procent.", "Okres wypowiedzenia wynosi 90 dni na piśmie.",
    ),
    Clause(
        "Czech", "Čl. 3", 'Měsíční nájemné činí 1250 korun - takzvané "základní nájemné" - a platí se předem.',
        "Topení se účtuje zvlášť.", "základní", "Každý měsíc platí nájemce předem 1250 korun.",
        "Pronajímatel smí nájemné zvýšit o 5 procent.", "Výpovědní doba je 90 dní, písemně.",
    ),
    Clause(
        "Turkish", "Madde 3", 'Aylık kira bedeli 1.250 liradır - "temel kira" denir - ve peşin olarak ödenir.',
        "Isınma gideri ayrıca alınır.", "olarak", "Kiracı her ay önceden 1.250 lira verir.",
        "Kiraya veren kirayı yılda yüzde 5 artırabilir.", "Fesih bildirimi 90 gün önce yazılı yapılır.",
    ),
    Clause(
        "Vietnamese", "Điều 3", 'Tiền thuê hàng tháng là 1.250 đồng - gọi là "giá thuê gốc" - và được thanh toán trước.',
        "Tiền sưởi được tính riêng.", "thanh toán", "Mỗi tháng bên thuê đóng trước 1.250 đồng.",
        "Bên cho thuê có thể tăng giá 5 phần trăm.", "Thời hạn báo trước là 90 ngày bằng văn bản.",
    ),
    Clause(
        "Russian", "3. Плата", 'Ежемесячная плата составляет 1250 рублей - "базовая плата" - и вносится авансом.',
        "Отопление оплачивается отдельно.", "составляет", "Каждый месяц арендатор вперёд платит 1250 рублей.",
        "Арендодатель вправе поднять плату на 5 процентов.", "Срок уведомления составляет 90 дней, письменно.",
    ),
    Clause(
        "Ukrainian", "3. Плата", 'Щомісячна плата становить 1250 гривень - "базова плата" - і сплачується авансом.',
        "Опалення оплачується окремо.", "становить", "Щомісяця орендар наперед сплачує 1250 гривень.",
        "Орендодавець може підняти плату на 5 відсотків.", "Строк повідомлення становить 90 днів, письмово.",
    ),
    Clause(
        "Greek", "Άρθρο 3", 'Το μηνιαίο μίσθωμα ορίζεται σε 1.250 ευρώ - το "βασικό μίσθωμα" - και προκαταβάλλεται.',
        "Η θέρμανση χρεώνεται χωριστά.", "μίσθωμα", "Κάθε μήνα ο μισθωτής δίνει προκαταβολικά 1.250 ευρώ.",
        "Ο εκμισθωτής μπορεί να αυξήσει το μίσθωμα κατά 5 τοις εκατό.", "Η προθεσμία είναι 90 ημέρες, εγγράφως.",
    ),
    Clause(
        "Hebrew", "סעיף 3", 'דמי השכירות החודשיים הם 1,250 שקלים - "דמי הבסיס" - וישולמו מראש בכל חודש.',
        "החימום מחויב בנפרד.", "השכירות", "בכל חודש השוכר ישלם מראש 1,250 שקלים.",
        "המשכיר רשאי להעלות את המחיר ב-5 אחוזים.", "ההודעה המוקדמת היא 90 ימים בכתב.",
    ),
    Clause(
        "Arabic", "المادة 3", 'تبلغ الأجرة الشهرية 1250 درهما - وتسمى "الأجرة الأساسية" - وتدفع مقدما كل شهر.',
        "تحسب التدفئة على حدة.", "الشهرية", "يدفع المستأجر كل شهر مقدما 1250 درهما.",
        "يجوز للمؤجر رفع الأجرة بنسبة 5 بالمئة.", "مدة الإشعار 90 يوما كتابة.",
    ),
    Clause(
        "Hindi", "धारा 3", 'मासिक किराया 1250 रुपये है - जिसे "मूल किराया" कहा जाता है - और अग्रिम देय है।',
        "हीटिंग अलग से ली जाती है।", "किराया", "किरायेदार हर महीने पहले से 1250 रुपये देता है।",
        "मकान मालिक हर साल 5 प्रतिशत बढ़ा सकता है।", "सूचना की अवधि 90 दिन है, लिखित में।",
    ),
    Clause(
        "Korean", "제3조", '월 임대료는 1,250 원으로 하고 - "기본 임대료"라 한다 - 매월 미리 지급하여야 한다.',
        "난방비는 따로 청구한다.", "지급하여야", "임차인은 매달 1,250 원을 먼저 낸다.",
        "임대인은 매년 5 퍼센트까지 올릴 수 있다.", "해지 통보 기간은 90 일이며 서면으로 한다.",
    ),
    Clause(
        "Chinese", "第三条", '每月租金为1250元 - 以下称"基本租金" - 承租人应当在每月第一日之前预先支付。',
        "取暖费另行计算。", "承租人应当", "租客每个月要提前交1250元的房租。",
        "出租人每年可以将租金提高5个百分点。", "解除合同应当提前90日书面通知。",
    ),
    Clause(
        "Japanese", "第3条", "賃料は月額1250円とし - 以下「基本賃料」という - 毎月末日までに翌月分を前払いする。",
        "暖房費は別途請求する。", "までに翌月", "借主は毎月あらかじめ1250円を払うこととする。",
        "貸主は毎年5パーセントまで賃料を上げられる。", "解約の予告期間は90日とし書面による。",
    ),
)  # fmt: skip
_UNSPACED = ("Chinese", "Japanese")


def cases() -> Iterator[Case]:
    """All the cases."""
    for clause in CLAUSES:
        for name, make in _WAYS.items():
            text, quote, passage = make(clause)
            yield Case(f"{clause.language}: {name}", text, quote, passage)


def _document(clause: Clause, passage: str) -> str:
    return f"{clause.before}\n\n{passage} {clause.after}\n"


def _planted(clause: Clause, passage: str, quote: str | None = None) -> tuple[str, str, str | None]:
    return _document(clause, passage), quote or clause.true, passage


def _verbatim(clause: Clause) -> tuple[str, str, str | None]:
    return _planted(clause, clause.true)


def _line_break(clause: Clause) -> tuple[str, str, str | None]:
    """A line break in place of a space, or anywhere in a script without spaces."""
    half = len(clause.true) // 2
    if clause.language in _UNSPACED:
        return _planted(clause, f"{clause.true[:half]}\n{clause.true[half:]}")
    space = clause.true.index(" ", half)
    return _planted(clause, f"{clause.true[:space]}  \r\n\t{clause.true[space + 1 :]}")


def _within(clause: Clause) -> int:
    """A position within the word that does not separate a vowel sign from its letter."""
    at = clause.true.index(clause.word) + 3
    return at - 1 if unicodedata.category(clause.true[at]).startswith("M") else at


def _hyphenated(clause: Clause) -> tuple[str, str, str | None]:
    """A word broken at a line's end; scripts without hyphenation simply continue on the next line."""
    at = _within(clause)
    hyphen = "" if clause.language in (*_UNSPACED, "Korean") else "-"
    return _planted(clause, f"{clause.true[:at]}{hyphen}\n{clause.true[at:]}")


def _invisible(clause: Clause) -> tuple[str, str, str | None]:
    """Soft hyphens and zero-width marks in words, no-break and thin spaces between them."""
    at = _within(clause)
    planted = f"{clause.true[:at]}\u00ad{clause.true[at : at + 1]}\u200b{clause.true[at + 1 :]}"
    return _planted(clause, planted.replace(" ", "\u00a0", 1).replace(" ", "\u2009", 1))


def _typographic(clause: Clause) -> tuple[str, str, str | None]:
    """Curly quotation marks and apostrophes, long dashes in the document; straight and short ones in the quote."""
    open_mark, close_mark = ("„", "“") if clause.language in ("German", "Polish", "Czech") else ("\u201c", "\u201d")
    planted = clause.true.replace('"', open_mark, 1).replace('"', close_mark, 1)
    return _planted(clause, planted.replace(" - ", " \u2013 ", 1).replace(" - ", "\u2014", 1).replace("'", "\u2019"))


def _ligatures(clause: Clause) -> tuple[str, str, str | None]:
    """Accents separate from their letters, full-width digits, and ligatures as one character."""
    planted = unicodedata.normalize("NFD", clause.true)
    for letters, ligature in (("fi", "\ufb01"), ("ffi", "\ufb03"), ("لأ", "\ufef7"), ("لا", "\ufefb")):
        planted = planted.replace(letters, ligature)
    return _planted(clause, planted.replace("1", "\uff11"))


def _absent(quote: Callable[[Clause], str]) -> Callable[[Clause], tuple[str, str, str | None]]:
    return lambda clause: (_document(clause, clause.true), quote(clause), None)


def _altered(clause: Clause) -> str:
    """One digit is changed."""
    return clause.true.replace("250", "260")


def _cut(clause: Clause) -> str:
    """A number without its last digit, which means something else."""
    return clause.true[: clause.true.index("250") + 2]


_WAYS: dict[str, Callable[[Clause], tuple[str, str, str | None]]] = {
    "verbatim": _verbatim,
    "across a line break": _line_break,
    "hyphenated": _hyphenated,
    "invisible characters": _invisible,
    "typographic marks": _typographic,
    "ligatures and forms": _ligatures,
    "paraphrased": _absent(lambda clause: clause.paraphrase),
    "invented": _absent(lambda clause: clause.invented),
    "altered": _absent(_altered),
    "from another part": _absent(lambda clause: clause.elsewhere),
}
