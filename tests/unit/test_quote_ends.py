"""A quote never ends within a word or a number, however they are typeset; what typography adds is ignored."""

import unicodedata
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backburner.documents.passages import Passage, find
from unit.quote_cases import CLAUSES, Clause

CUT = [
    ("The monthly rent is EUR 1\u00a0200 in advance", "The monthly rent is EUR 1"),
    ("soit 1\u202f200,00 EUR monatlich fällig", "200,00 EUR monatlich"),
    ("le loyer de 12 000 euros est due", "000 euros est due"),
    ("租金１\u3000０００元整付款期", "０００元整付款"),
    ("an interest of .5 % a year", "5 % a year"),
    ("at most 2/3 of the rent is due", "at most 2"),
    ("at most 2/3 of the rent is due", "3 of the rent is due"),
    ("for 1½ years of rent", "for 1"),
    ("the fee is 1½ rents of it", "the fee is 1"),
    ("the fee is 1 ½ rents of it", "the fee is 1"),
    ("the fee is 1 1/2 rents of it", "1/2 rents of it"),
    ("the meeting is at 10:30 sharp now", "30 sharp now"),
    ("the meeting is at 10:30 sharp now", "the meeting is at 10"),
    ("signed on 12/05/2024 by both", "05/2024 by both"),
    ("signed on 2024-05-12 by both", "05-12 by both"),
    ("within 10-12 days of it", "12 days of it"),
    ("الأجرة هي ١٬٢٠٠ درهم شهريا", "٢٠٠ درهم شهريا"),
    ("الأجرة هي ١٫٥ درهم شهريا", "٥ درهم شهريا"),
    ("| The rent is EUR 1 | 200 | monthly |", "The rent is EUR 1 200"),
    ("The result for 2023 was\n-5,000 EUR", "The result for 2023 was 5,000 EUR"),
    ("it falls to\n\u22125 °C at night", "it falls to 5 °C at night"),
    ("| 2,000,000 |\n| -5,000,000 |", "2,000,000 5,000,000"),
    ("| 2,000,000 |\n| - 5,000,000 |", "2,000,000 5,000,000"),
    ("The tenant can’t sublet it", "The tenant can"),
    ("The seller won't pay", "The seller won"),
    ("a non-refundable deposit is due", "refundable deposit is due"),
    ("any un-\nlawful conduct of it", "lawful conduct of it"),
    ("All such lawful con-\nduct is", "All such lawful con"),
    ("Mr O'Brien signs it", "Brien signs it"),
    ("he n'acquiert aucun droit", "acquiert aucun droit"),
    ("a loss of €-5,000 in all", "5,000 in all"),
    ("a loss of $-5,000 in all", "5,000 in all"),
    ("a loss of \u2212 5,000 in all", "5,000 in all"),
    ("a loss of -€500 in all", "500 in all"),
    ("a loss of -€500 in all", "€500 in all"),
    ("a loss of -EUR 500 in all", "EUR 500 in all"),
    ("a rent of CHF 1'200 monthly", "200 monthly"),
    ("a rent of CHF 1’200 monthly", "a rent of CHF 1"),
    ("a rent of 1,200 euros", "a rent of 1,"),
    ("a rent of 11,200 euros", ",200 euros"),
    ("the interest is 5 % a year", "the interest is 5"),
    ("a share of ± 5 percent of it", "5 percent of it"),
    ("sum of 1 200 000 euros", "sum of 1 200"),
    ("the un**lawful** act of it", "lawful act of it"),
    ("the AT&T company pays", "the AT company"),
    ("owed to AT&T as a debt", "T as a debt"),
    ("mail to tom_jones today", "jones today"),
    ("per month 1 200 EUR", "per month 1200 EUR"),
    ("| Rent | 12 | 500 | net", "Rent 12 500 net"),
    ("第三十日之前支付租金", "十日之前支付租金"),
    ("租金每月共计5万元", "租金每月共计5"),
    ("IBAN of 1 200 000 euros", "000 euros"),
    ("a loss of -EUR 500 in all", "500 in all"),
    ("租金１０００元整付款期", "０００元整付款"),
    ("a rent of 1 200 euros is", "a rent of 1 2"),
    ("the sum is EUR\u00a01\u00a0200\u00a0000 net", "the sum is EUR 1 200"),
    ("a sum of 1\u2009200 euros net", "200 euros net"),
    ("version 1_000 items of it", "000 items of it"),
    ("a sum of 3 x 1·5 metres it", "5 metres it"),
    ("about 5e6 items of it all", "6 items of it all"),
    ("the price 1,\n200 euros net", "200 euros net"),
    ("at least \u2212\n5 °C outside", "5 °C outside"),
    ("net result: (5,000) EUR all", "result: 5,000 EUR all"),
    ("at 5 000 km of distance", "at 5 km of distance"),
    ("sold for - 5,000 EUR net", "sold for 5,000 EUR net"),
    ("the loss: \u2212€ 5,000 in all", "5,000 in all"),
    ("the loss: € \u22125,000 in all", "5,000 in all"),
    ("| Loss | – 5,000 | in all |", "5,000 in all"),
    ("| Loss | –5,000 | in all |", "5,000 in all"),
    ("| Loss | \u22125,000 | in all |", "Loss 5,000 in all"),
    ("Loss\n| \u22125,000 | in all |", "Loss 5,000 in all"),
    ("| Loss |\n|---|\n| -5,000 | in all |", "Loss 5,000 in all"),
    ("Loss <br>-5,000 in all", "Loss 5,000 in all"),
    ("* -5 °C outside today", "5 °C outside today"),
    ("- -5 °C outside today", "5 °C outside today"),
    ("title\n# -5 °C outside today", "5 °C outside today"),
    ("the sum is $1.5M of it all", "the sum is $1.5"),
    ("par mois, jusqu'au 5 mai", "au 5 mai"),
    ("The tenants' duties cease", "The tenants duties cease"),
    ("Der Mieter darf nicht-öffentliche Räume", "öffentliche Räume"),
    ("il n\u2019est pas dû avant mai", "est pas dû avant mai"),
    ("non\u2011refundable deposit paid", "refundable deposit paid"),
    ("non\u00adrefundable deposit paid", "refundable deposit paid"),
    ("non\u2060refundable deposit paid", "refundable deposit paid"),
    ("the rent is 1\u200b200 euros net", "200 euros net"),
    ("the rent is 1\u2060\u00a0200 euros net", "200 euros net"),
    ("the rent is 1&nbsp;200 euros net", "the rent is 1"),
    ("at a rate of 5 ‰ a year", "at a rate of 5"),
    ("at a rate of 5\n% a year", "at a rate of 5"),
    ("**1** 200 euros a month", "200 euros a month"),
    ("the rent is 1**200** euros", "200 euros"),
    ("a rent is 1**200** euros", "200** euros"),
    ("it is 1 **200** euros net", "200 euros net"),
    ("the rent is 1 200* euros", "the rent is 1"),
    ("a sum of 12 345,67 zł net", "345,67 zł net"),
    ("a sum of 12 345,67 zł net", "a sum of 12"),
    ("a sum of १२,५०० रुपये होगी", "५०० रुपये होगी"),
    ("费用为百分之三十五点五元整", "五点五元整"),
    ("合計は一億二千万円とする契約", "二千万円とする契約"),
    ("the year 2023/24 is over", "the year 2023"),
    ("the price 1,\n200 euros net", "the price 1"),
    ("The rent is EUR 5 million a year", "The rent is EUR 5"),
    ("The rent is EUR 5 million a year", "million a year"),
    ("Die Miete beträgt 5 Mio. Euro im Jahr", "Die Miete beträgt 5"),
    ("Die Miete beträgt 5 Tausend Euro", "Die Miete beträgt 5"),
    ("Плата составляет 50 тыс. руб.", "Плата составляет 50"),
    ("Плата составляет 50\u00a0млн руб.", "Плата составляет 50"),
    ("Le loyer est de 5 millions", "Le loyer est de 5"),
    ("La renta es de 5 mil euros", "La renta es de 5"),
    ("租金总额为每年5 万元整", "租金总额为每年5"),
    ("임대료 총액은 매년 5만원으로", "임대료 총액은 매년 5"),
    ("the interest is 5 per cent a year", "the interest is 5"),
    ("किराया कुल 5 लाख रुपये है", "किराया कुल 5"),
    ("الأجرة السنوية 5 مليون درهم", "الأجرة السنوية 5"),
    ("a price of A$500 in all", "$500 in all"),
    ("a price of 500 US$ in all", "a price of 500 US"),
    ("paid to DE89 3704 0044 0532", "paid to DE89 3704"),
    ("paid to DE89 3704 0044 0532", "paid to DE89"),
    ('התשלום החודשי הוא 5,000 ש"ח', "התשלום החודשי הוא 5,000 ש"),
    ('החברה הקבלנית בע"מ תשלם', "החברה הקבלנית בע"),
    ("pi is 3,141 592 or so it is", "pi is 3,141"),
    ("el interés es del 5 por ciento anual", "el interés es del 5"),
    ("le taux est de 5 pour cent par an", "le taux est de 5"),
]  # fmt: skip
WHOLE = [
    ("« La somme » est due ici", '"La somme" est due ici'),
    ('"La somme" est due ici', "« La somme » est due ici"),
    ("soit 12 % par an au total", "soit 12% par an"),
    ("soit 12% par an au total", "soit 12 % par an"),
    ("soit 500\u00a0€ par mois", "soit 500€ par mois"),
    ("soit 500€ par mois", "soit 500 € par mois"),
    ("soit € 500 par mois", "soit €500 par mois"),
    ("Durée : trois ans", "Durée: trois ans"),
    ("Durée\u202f: trois ans", "Durée: trois ans"),
    ("The **tenant** pays the rent", "The tenant pays the rent"),
    ("The tenant pays the rent", "The **tenant** pays the rent"),
    ("**Rent:** EUR 1,200 monthly", "Rent: EUR 1,200 monthly"),
    ("**Rent**: 1,200 euros", "Rent: 1,200 euros"),
    ("The _tenant_ pays the rent", "The tenant pays the rent"),
    ("The *tenant* pays the rent", "The tenant pays the rent"),
    ("- **Rent** of 5 euros\n- **Fee** of it", "Rent of 5 euros Fee of it"),
    ("si l'acheteur refuse de payer", "acheteur refuse de payer"),
    ("della, dell’acquirente stesso", "acquirente stesso"),
    ("The rent is 1 200 euros", "The rent is 1\u00a0200 euros"),
    ("The rent is 1\u202f200 euros", "The rent is 1 200 euros"),
    ("loyer de 1\n200 euros par mois", "loyer de 1 200 euros par mois"),
    ("In 2023 500 shares were sold", "500 shares were sold"),
    ("1.1 30 days of notice", "30 days of notice"),
    ("Page 1\n\n200 shares were sold", "200 shares were sold"),
    ("| EUR 1 | 200 shares are sold |", "200 shares are sold"),
    ("| The sum is EUR 1 | 200 |", "The sum is EUR 1"),
    ("- 5 days of notice are due", "5 days of notice"),
    ("- 5 days of notice are due", "- 5 days of notice"),
    ("first\n- 5 days of notice", "5 days of notice"),
    ("the deposit - 500 euros - is due", "500 euros - is due"),
    ("the deposit – 500 euros – is due", "500 euros - is due"),
    ("a loss of -5,000 EUR in", "-5,000 EUR in"),
    ("a loss of \u2212\u00a05,000 EUR in", "-5,000 EUR in"),
    ("a loss of -5,000 EUR in", "a loss of \u2212 5,000 EUR"),
    ("the result is 5.\n-rent of it due", "rent of it due"),
    ("the contract¹ is valid", "the contract"),
    ("see note 5. The rent is due", "The rent is due"),
    ("costs 500 €, payable now", "costs 500 €"),
    ("at 10:30 the rent is due", "10:30 the rent is due"),
    ("(5 days' notice is due)", "5 days' notice is due"),
    ("the rent—payable monthly—is due", "payable monthly"),
    ("the rent--payable monthly--is due", "payable monthly"),
    ("ends.The rent is due", "The rent is due"),
    ("this is it...5 days later", "5 days later"),
    ("Zahlung (vgl. § 3 Abs. 2) fällig", "§3 Abs. 2) fällig"),
    ("2*3 metres of 5 * 3", "2*3 metres of 5 * 3"),
    ("to pay $____ a month now", "to pay $____ a month"),
    ("Name: snake_case_name is it", "snake_case_name is it"),
    ("월 '기본임대료'라 한다", "월 '기본임대료"),
    ("net result: (5,000) EUR all", "net result: (5,000) EUR"),
    ("Section 3(2)(b) applies here", "Section 3(2)"),
    ("the price is 5 EUR.\n\n-\n\nThe rent is due", "The rent is due"),
    ("1. The rent is 5 euros", "The rent is 5 euros"),
    ("1) The rent is 5 euros", "The rent is 5 euros"),
    ("5 The rent is 5 euros", "The rent is 5 euros"),
    ("[1] 200 euros are due now", "200 euros are due now"),
    ("(1) 200 euros are due now", "200 euros are due now"),
    ("1. 200 euros are due now", "200 euros are due now"),
    ("§ 1 200 Euro sind fällig", "§ 1 200 Euro sind fällig"),
    ("a) 5 days; b) 10 days' notice", "10 days' notice"),
    ("Miete:1.250 Euro monatlich", "1.250 Euro monatlich"),
    ("Rent:\t1,250 euros a month", "1,250 euros a month"),
    ("Rent....1,250 euros a month", "1,250 euros a month"),
    ("Rent = 1,250 euros a month", "1,250 euros a month"),
    ("> The rent is due today", "The rent is due today"),
    ("the “rent” is due today ", 'the "rent" is due today'),
    ("‹ La somme › est due", "'La somme' est due"),
    ("¿Cuánto es la renta ? Nada", "¿Cuánto es la renta? Nada"),
    ("Les « frais »  : 12 % / an", 'Les "frais": 12% / an'),
    ("Les « frais » sont dus", 'frais" sont dus'),
    ("the rent ( in euros ) is due", "the rent (in euros) is due"),
    ("the rent , if any , is due", "the rent, if any, is due"),
    ("The tenant [shall](x) pay the", "The tenant [shall](x) pay"),
    ("the rent is **1,250** euros", "the rent is 1,250 euros"),
    ("the rent is **1 250** euros", "the rent is 1 250 euros"),
    ("***Very* important** terms apply", "Very important terms apply"),
    ("## **Rent**\n\nThe rent is due", "Rent The rent is due"),
    ("a 5 % – 10 % share of it", "5% - 10% share of it"),
    ("soit 1 200 000 FCFA net", "soit 1\u202f200\u202f000 FCFA net"),
    ("d\u2019une durée de trois ans", "une durée de trois ans"),
    ("l'article 5 s'applique ici", "s'applique ici"),
    ("l'article 5 qu'il applique ici", "il applique ici"),
    ("The rent\n1,250 euros are due", "The rent 1,250 euros are due"),
    ("Артикль: 5 дней со дня оплаты", "5 дней со дня оплаты"),
    ("- оплата в срок\n-штраф за просрочку", "оплата в срок штраф за просрочку"),
    ("\u2010 item one of the list", "item one of the list"),
    ("the price (incl. VAT): €5", "the price (incl. VAT): € 5"),
    ("at 20° C outside the house", "at 20 °C outside the house"),
    ("page 12\n\u000c13 months of rent", "13 months of rent"),
    ("in the years 2019 – 2023 it was", "in the years 2019-2023 it was"),
    ("du 1er mars 2024 au soir", "mars 2024 au soir"),
    ("le 5 mars 2024, 300 euros", "300 euros"),
    ("le 5 mars 2024: 300 euros", "300 euros"),
    ("on 5 March 2024 300 euros", "300 euros"),
    ("in 2024, 300 people signed", "300 people signed"),
    ("the sum <b>500</b> is due", "500</b> is due"),
    ("tel. +49 30 1234567 is ours", "tel. +49 30 1234567"),
    ("Смотри п.5 договора аренды", "договора аренды"),
    ("The “tenant\u2019s” rent is due", "\"tenant's\" rent is due"),
    ("the lessee\u2019s—and lessor\u2019s—rights", "and lessor's"),
    ("the rent… is due at once", "the rent… is due"),
    ("the rent … is due at once", "the rent… is due"),
    ("within 5 months of it, 12 miles off", "within 5 months of it, 12"),
    ("after 5 minutes it ends", "minutes it ends"),
    ("ab 5 Mieter je Haus", "Mieter je Haus"),
    ("임대료 총액은 1,250 만기", "임대료 총액은 1,250"),
    ("a share of 5 centres in it", "centres in it"),
    ("a price of $500 in all", "$500 in all"),
    ("paid in 2023 2024 units", "paid in 2023 2024"),
    ('לפי החוזה ה"שוכר" ישלם מראש', 'שוכר" ישלם מראש'),
    ("| Rent | 12,200 | 100,000 | a year", "Rent 12,200 100,000"),
    ("| Year | 2023 | 2024 | total", "Year 2023 2024 total"),
    ("in the years 2023 2024 2025", "in the years 2023"),
]  # fmt: skip
UNSPACED = ("Chinese", "Japanese", "Korean")
GROUPED = [
    ("English", "The rent is 1,250.75 euros a month, due at 10:30 on 2024-05-12; it isn't re-fundable."),
    ("French", "Le loyer de l'immeuble est de 1\u202f250,50 € ; il n'est dû qu'à 10:30, le 12/05/2024 - 2/3 du prix."),
    ("German", "Der Anteil von 1'250.50 CHF ist am 12.05.2024 fällig, bei -5 °C und 1½-fach, Haupt- und Nebenkosten."),
    ("Russian", "Плата 1 250 000,00 руб. вносится из-за 0,1 % в день до 12.05.2024, объект «Север-2»."),
    ("Polish", "Czynsz wynosi 1 250 zł miesięcznie, tj. 15 000 zł rocznie, płatny do 10. dnia; kara: 0,5 % dziennie."),
    ("Ukrainian", "Об'єкт оренди: 1\u00a0250 грн на місяць, з 01.02.2024 по 31.12.2024, п'ять відсотків."),
    ("Arabic", "تبلغ الأجرة الشهرية ١٬٢٥٠٫٥٠ درهما وتدفع مقدما كل شهر."),
]


def found(text: str, quote: str) -> str | None:
    """The passage that matches a quote."""
    (passage,) = find(text, [quote])
    return text[passage.first : passage.last] if isinstance(passage, Passage) else None


@pytest.mark.parametrize(("text", "quote"), CUT)
def test_a_truncated_quote_is_not_found(text, quote):
    """It ends within a digit group, time, date, fraction, sign or unit, or at a word's apostrophe or hyphen."""
    assert found(text, quote) is None


@pytest.mark.parametrize(("text", "quote"), WHOLE)
def test_a_whole_quote_is_found(text, quote):
    """Punctuation and neighbouring text that is no part of it make no difference."""
    assert found(text, quote) is not None


def test_stretch_boundaries_do_not_affect_the_result(monkeypatch):
    """What decides about an end may be in the next stretch or the one before."""
    for size in (1, 3, 7):
        monkeypatch.setattr("backburner.documents.passages.STRETCH", size)
        for before in ("", "x-y 12 " * 9):
            assert [(text, quote) for text, quote in CUT if found(f"{before}\n\n{text}", quote)] == []
            assert [(text, quote) for text, quote in WHOLE if not found(f"{before}\n\n{text}", quote)] == []


@pytest.mark.parametrize("clause", CLAUSES, ids=lambda clause: clause.language)
@pytest.mark.parametrize("blank", [" ", "\u00a0", "\u202f", "\u2009", "'", "\u2019"])
def test_a_grouped_number_is_one_number(clause: Clause, blank: str):
    """Any kind of space or apostrophe may group it; neither part of it alone is a quote."""
    number = f"1{blank}250"
    text = clause.true.replace("1,250", "1250").replace("1.250", "1250").replace("1250", number)
    assert found(text, text.replace(blank, " " if blank.isspace() else "'")) == text
    assert found(text, text[: text.index(number) + 1]) is None
    assert found(text, text[text.index(number) + 2 :]) is None
    assert found(text, text.replace(number, "1250")) is None


def _is_part(letter: str) -> bool:
    return letter.isalnum() or unicodedata.category(letter).startswith("M")


@pytest.mark.parametrize(
    ("language", "text"), [*((each.language, each.true) for each in CLAUSES), *GROUPED], ids=lambda each: each[:9]
)
def test_a_quote_ends_only_between_words_and_numbers(language: str, text: str):
    """A cut is refused within a word or number, and found between two words."""
    for place in range(1, len(text)):
        left, right = text[place - 1], text[place]
        is_digits = left.isdecimal() and right.isdecimal()
        within = is_digits or (_is_part(left) and _is_part(right) and language not in UNSPACED)
        between = (left == " " and right.isalpha()) or (left.isalpha() and right == " ")
        for quote in (text[:place], text[place:]):
            if within:
                assert found(f"\n{text}\n", quote) is None, quote
            elif between and quote.strip():
                assert found(f"\n{text}\n", quote) is not None, quote


BLANKS = [" ", "  ", "\n", "\r\n", " \t", "\u00a0", "\u2009", "\u200b ", "\n\n"]
MARKS = [("- ", "\u2013 "), ("'", "\u2019"), ('"', "\u201c"), (";", " ;"), (":", "\u00a0:"), (" €", "€"), (" %", "%")]


def _as_set(word: str, way: str) -> str:
    if way == "hyphenated" and word.isascii() and word.isalpha() and word[3:]:
        return f"{word[:2]}-\n{word[2:]}"
    return f"**{word}**" if way == "bold" and word.isalpha() else word


@given(st.sampled_from([each.true for each in CLAUSES] + [text for _, text in GROUPED]), st.data())
def test_a_clause_is_found_however_it_is_typeset(text: str, data: st.DataObject):
    """It may have other spaces, hyphenated line ends, other punctuation, and bold words."""
    ways = st.sampled_from(["plain", "plain", "hyphenated", "bold"])
    words = [_as_set(word, data.draw(ways)) for word in text.split(" ")]
    planted = words[0]
    for left, right in pairwise(words):
        is_plain = left[-1:].isalpha() and right[:1].isalpha()
        planted += (data.draw(st.sampled_from(BLANKS)) if is_plain else " ") + right
    for plain, other in data.draw(st.lists(st.sampled_from(MARKS), unique=True)):
        planted = planted.replace(plain, other)
    assert found(f"Before.\n\n{planted}\n\nAfter.", text) is not None, planted
