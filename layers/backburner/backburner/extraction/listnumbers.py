"""Numbers in each of Word's number formats: 7, vii, G, seventh, 七, ⑦."""

# ruff: noqa: RUF001 - letters and digits of other scripts are what this is about

from collections.abc import Callable
from functools import partial

MAX = 1_000_000
"""Word itself stops at 32,767; larger numbers are shown in digits."""
_ROMAN = (
    (1000, "m"), (900, "cm"), (500, "d"), (400, "cd"), (100, "c"), (90, "xc"), (50, "l"), (40, "xl"), (10, "x"),
    (9, "ix"), (5, "v"), (4, "iv"), (1, "i"),
)  # fmt: skip
_MAX_ROMAN = 32_767
_MAX_REPEATED = 780
"""How far letters count: thirty times the last letter, zzz…"""
_LATIN = "abcdefghijklmnopqrstuvwxyz"
_RUSSIAN = "абвгдежзиклмнопрстуфхцчшщыэюя"
_HEBREW = "אבגדהוזחטיכלמנסעפצקרשת"
_HEBREW_HUNDREDS = ((400, "ת"), (300, "ש"), (200, "ר"), (100, "ק"))
_HEBREW_TENS, _HEBREW_ONES = " יכלמנסעפצ", " אבגדהוזחט"
_MAX_HEBREW = 1000
_ARABIC = "أبتثجحخدذرزسشصضطظعغفقكلمنهوي"
_ABJAD = "أبجدهوزحطيكلمنسعفصقرشتثخذضظغ"
_THAI = "กขคงจฉชซฌญฎฏฐฑฒณดตถทธนบปผฝพฟภมยรลวศษสหฬอฮ"
_HINDI_CONSONANTS = "कखगघङचछजझञटठडढणतथदधनपफबभमयरलवशषसह"
_HINDI_VOWELS = "अआइईउऊऋऌएऐओऔअंअः"
_GANADA, _CHOSUNG = "가나다라마바사아자차카타파하", "ㄱㄴㄷㄹㅁㅂㅅㅇㅈㅊㅋㅌㅍㅎ"
_AIUEO = "アイウエオカキクケコサシスセソタチツテトナニヌネノハヒフヘホマミムメモヤユヨラリルレロワヲン"
_AIUEO_NARROW = "ｱｲｳｴｵｶｷｸｹｺｻｼｽｾｿﾀﾁﾂﾃﾄﾅﾆﾇﾈﾉﾊﾋﾌﾍﾎﾏﾐﾑﾒﾓﾔﾕﾖﾗﾘﾙﾚﾛﾜｦﾝ"
_IROHA = "イロハニホヘトチリヌルヲワカヨタレソツネナラムウヰノオクヤマケフコエテアサキユメミシヱヒモセスン"
_IROHA_NARROW = "ｲﾛﾊﾆﾎﾍﾄﾁﾘﾇﾙｦﾜｶﾖﾀﾚｿﾂﾈﾅﾗﾑｳヰﾉｵｸﾔﾏｹﾌｺｴﾃｱｻｷﾕﾒﾐｼヱﾋﾓｾｽﾝ"
_STEMS, _BRANCHES = "甲乙丙丁戊己庚辛壬癸", "子丑寅卯辰巳午未申酉戌亥"
_CYCLE = [_STEMS[index % 10] + _BRANCHES[index % 12] for index in range(60)]
_CIRCLED = (
    [chr(0x2460 + index) for index in range(20)]
    + [chr(0x3251 + index) for index in range(15)]
    + [chr(0x32B1 + index) for index in range(15)]
)
_FULLSTOPPED = [chr(0x2488 + index) for index in range(20)]
_PARENTHESISED = [chr(0x2474 + index) for index in range(20)]
_CIRCLED_IDEOGRAPHS = [chr(0x3280 + index) for index in range(10)]
_PLAIN, _PLAIN_UNITS = "零一二三四五六七八九", "十百千"
_LEGAL, _LEGAL_TRADITIONAL, _LEGAL_UNITS = "零壹贰叁肆伍陆柒捌玖", "零壹貳參肆伍陸柒捌玖", "拾佰仟"
_JAPANESE_LEGAL, _JAPANESE_LEGAL_UNITS = "〇壱弐参四伍六七八九", "拾百阡"
_KOREAN = "영일이삼사오육칠팔구"
_KOREAN_ONES = ["", "하나", "둘", "셋", "넷", "다섯", "여섯", "일곱", "여덟", "아홉"]
_KOREAN_TENS = ["", "열", "스물", "서른", "마흔", "쉰", "예순", "일흔", "여든", "아흔"]
_ONES = [
    "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve",
    "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen",
]  # fmt: skip
_TENS = ["zero", "ten", "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"]
_IRREGULAR = {
    "one": "first", "two": "second", "three": "third", "five": "fifth", "eight": "eighth", "nine": "ninth",
    "twelve": "twelfth",
}  # fmt: skip
_WITH_FULL_STOP = frozenset(
    {"cs", "da", "de", "et", "fi", "hr", "hu", "is", "lv", "nb", "nn", "no", "pl", "sk", "sl", "sr", "tr"}
)
_WITH_RING = frozenset({"es", "it", "pt"})


def shown_number(number: int, form: str, language: str = "en") -> str:
    """A number in one of Word's formats (`w:numFmt`); in digits if the format is unknown or cannot show it."""
    if form in ("ordinal", "cardinalText", "ordinalText"):
        return _worded(number, form, language.partition("-")[0].lower())
    found = _FORMS.get(form)
    return found(number) if found and abs(number) <= MAX else str(number)


def padded_like(number: int, example: str) -> str:
    """A number in a custom format (`w:format`), which consists of examples: "001, 002, 003, ..."."""
    first = example.split(",", maxsplit=1)[0].strip()
    return str(number).zfill(len(first)) if first.isdecimal() else str(number)


def _roman(number: int) -> str:
    if not 0 < number <= _MAX_ROMAN:
        return str(number)
    shown = []
    for value, letters in _ROMAN:
        times, number = divmod(number, value)
        shown.append(letters * times)
    return "".join(shown)


def _lettered(letters: str, number: int) -> str:
    """Letters as Word continues them after the last one: z, aa, bb, cc."""
    if not 0 < number <= _MAX_REPEATED:
        return str(number)
    times, index = divmod(number - 1, len(letters))
    return letters[index] * (times + 1)


def _listed(symbols: list[str] | str, number: int) -> str:
    return symbols[number - 1] if 0 < number <= len(symbols) else str(number)


def _repeated(symbols: list[str] | str, number: int) -> str:
    return symbols[(number - 1) % len(symbols)] if number > 0 else str(number)


def _digits(symbols: str, number: int) -> str:
    return str(number).translate({ord(digit): shown for digit, shown in zip("0123456789", symbols, strict=True)})


def _counted(number: int, digits: str, units: str, *, has_zero: bool = True, drops_one: bool = False) -> str:
    """Chinese, Japanese and Korean numerals: a character for each ten, hundred, thousand; 万 for ten thousand."""
    if number <= 0:
        return digits[0] if number == 0 else str(number)
    many, few = divmod(number, 10_000)
    shown = ""
    if many:
        head = _counted(many, digits, units, has_zero=has_zero, drops_one=drops_one)
        gap = digits[0] if has_zero and 0 < few < 1000 else ""  # noqa: PLR2004 - a missing thousand
        shown = f"{head}万{gap}"
    text = ""
    for power in (3, 2, 1, 0):
        digit = few // 10**power % 10
        if digit == 0:
            text += digits[0] if has_zero and text and not text.endswith(digits[0]) else ""
            continue
        is_silent = power > 0 and digit == 1 and drops_one
        text += ("" if is_silent else digits[digit]) + (units[power - 1] if power else "")
    text = text.rstrip(digits[0])
    begins_with_ten = not shown and has_zero and text.startswith(digits[1] + units[0])
    return shown + (text[1:] if begins_with_ten and digits[1] == "一" else text)


def _korean(number: int) -> str:
    """The native Korean numerals, which end at 99."""
    if not 0 < number < 100:  # noqa: PLR2004
        return str(number)
    return _KOREAN_TENS[number // 10] + _KOREAN_ONES[number % 10]


def _hebrew(number: int) -> str:
    """Numbers by the letters' values; 15 and 16 are written 9 + 6 and 9 + 7."""
    if not 0 < number < _MAX_HEBREW:
        return str(number)
    shown = ""
    for value, letter in _HEBREW_HUNDREDS:
        times, number = divmod(number, value)
        shown += letter * times
    if number in (15, 16):
        return shown + ("טו" if number == 15 else "טז")  # noqa: PLR2004
    return (shown + _HEBREW_TENS[number // 10] + _HEBREW_ONES[number % 10]).replace(" ", "")


def _worded(number: int, form: str, language: str) -> str:
    if form == "ordinal":
        return f"{number}{_ordinal_end(number, language)}"
    if language != "en" or not 0 <= number < MAX:
        return str(number)
    words = _words(number)
    if form == "ordinalText":
        head, mark, last = words.rpartition("-") if "-" in words.split(" ")[-1] else words.rpartition(" ")
        last = _IRREGULAR.get(last) or (f"{last[:-1]}ieth" if last.endswith("y") else f"{last}th")
        words = head + mark + last
    return words[0].upper() + words[1:]


def _words(number: int) -> str:
    if number < len(_ONES):
        return _ONES[number]
    if number < 100:  # noqa: PLR2004
        tens, ones = divmod(number, 10)
        return f"{_TENS[tens]}-{_ONES[ones]}" if ones else _TENS[tens]
    value, name = (1000, "thousand") if number >= 1000 else (100, "hundred")  # noqa: PLR2004
    many, few = divmod(number, value)
    return f"{_words(many)} {name}" + (f" {_words(few)}" if few else "")


def _ordinal_end(number: int, language: str) -> str:
    if language in _WITH_FULL_STOP:
        return "."
    if language in _WITH_RING:
        return "º"
    if language in ("fr", "nl", "ru", "uk", "sv"):
        return {"fr": "er" if number == 1 else "e", "nl": "e", "ru": "-й", "uk": "-й"}.get(
            language, ":a" if number % 10 in (1, 2) and number % 100 not in (11, 12) else ":e"
        )
    is_teen = number // 10 % 10 == 1
    return "th" if is_teen else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")


_chinese = partial(_counted, digits=_PLAIN, units=_PLAIN_UNITS)
_japanese = partial(_counted, digits="〇" + _PLAIN[1:], units=_PLAIN_UNITS, has_zero=False, drops_one=True)
_FORMS: dict[str, Callable[[int], str]] = {
    "decimalZero": lambda number: f"{number:02}",
    "lowerRoman": _roman,
    "upperRoman": lambda number: _roman(number).upper(),
    "lowerLetter": partial(_lettered, _LATIN),
    "upperLetter": partial(_lettered, _LATIN.upper()),
    "russianLower": partial(_lettered, _RUSSIAN),
    "russianUpper": partial(_lettered, _RUSSIAN.upper()),
    "none": lambda _: "",
    "bullet": lambda _: "",
    "hex": lambda number: f"{number:X}",
    "chicago": lambda number: "*†‡§"[(number - 1) % 4] * ((number - 1) // 4 % 50 + 1) if number > 0 else str(number),
    "numberInDash": lambda number: f"- {number} -",
    "hebrew1": _hebrew,
    "hebrew2": partial(_lettered, _HEBREW),
    "arabicAlpha": partial(_lettered, _ARABIC),
    "arabicAbjad": partial(_lettered, _ABJAD),
    "thaiLetters": partial(_lettered, _THAI),
    "thaiNumbers": partial(_digits, "๐๑๒๓๔๕๖๗๘๙"),
    "thaiCounting": partial(_digits, "๐๑๒๓๔๕๖๗๘๙"),
    "hindiVowels": partial(_lettered, _HINDI_CONSONANTS),  # the standard has these two swapped
    "hindiConsonants": partial(_lettered, _HINDI_VOWELS),
    "hindiNumbers": partial(_digits, "०१२३४५६७८९"),
    "decimalFullWidth": partial(_digits, "０１２３４５６７８９"),
    "decimalFullWidth2": partial(_digits, "０１２３４５６７８９"),
    "decimalEnclosedCircle": partial(_listed, _CIRCLED),
    "decimalEnclosedCircleChinese": partial(_listed, _CIRCLED),
    "decimalEnclosedFullstop": partial(_listed, _FULLSTOPPED),
    "decimalEnclosedParen": partial(_listed, _PARENTHESISED),
    "ideographEnclosedCircle": partial(_listed, _CIRCLED_IDEOGRAPHS),
    "ideographTraditional": partial(_repeated, _STEMS),
    "ideographZodiac": partial(_repeated, _BRANCHES),
    "ideographZodiacTraditional": partial(_repeated, _CYCLE),
    "ideographDigital": partial(_digits, "〇一二三四五六七八九"),
    "japaneseDigitalTenThousand": partial(_digits, "〇一二三四五六七八九"),
    "taiwaneseDigital": partial(_digits, "○一二三四五六七八九"),
    "chineseCounting": _chinese,
    "chineseCountingThousand": _chinese,
    "taiwaneseCounting": _chinese,
    "taiwaneseCountingThousand": _chinese,
    "japaneseCounting": _japanese,
    "japaneseLegal": partial(_counted, digits=_JAPANESE_LEGAL, units=_JAPANESE_LEGAL_UNITS, has_zero=False),
    "chineseLegalSimplified": partial(_counted, digits=_LEGAL, units=_LEGAL_UNITS),
    "ideographLegalTraditional": partial(_counted, digits=_LEGAL_TRADITIONAL, units=_LEGAL_UNITS),
    "koreanDigital": partial(_digits, _KOREAN),
    "koreanDigital2": partial(_digits, "零一二三四五六七八九"),
    "koreanCounting": partial(_counted, digits=_KOREAN, units="십백천", has_zero=False, drops_one=True),
    "koreanLegal": _korean,
    "ganada": partial(_repeated, _GANADA),
    "chosung": partial(_repeated, _CHOSUNG),
    "aiueo": partial(_repeated, _AIUEO_NARROW),
    "aiueoFullWidth": partial(_repeated, _AIUEO),
    "iroha": partial(_repeated, _IROHA_NARROW),
    "irohaFullWidth": partial(_repeated, _IROHA),
}
