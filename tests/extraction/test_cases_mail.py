"""Mails that were once read wrongly, each with what is expected."""

from collections.abc import Callable
from pathlib import Path

import pytest

from backburner.documents.plain_text import Extracted, plain_text
from backburner.extraction.reading import read

CASES = Path(__file__).parent / "cases"
HEAD = "From: Anna <anna@example.org>\nTo: Bob <bob@example.org>\nDate: Tue, 05 Mar 2024 10:00:00 +0100\n\n"
PDF = "Portfolio cover text\n"
TEXTS = {
    "applemail.eml": f"Subject: Apple\n{HEAD}Please see the contract.\n\n\nBest, Anna\n\n"
    f"## Attachment: contract.pdf\n\n{PDF}",
    "placeholder.eml": f"Subject: P\n{HEAD}# Invoice 17\n\n| Item | Sum |\n| --- | --- |\n| Rent | 1200 |\n",
    "gb2312_gbk.eml": f"Subject: GBK\n{HEAD}尊敬的客户：您好！合同的租金为一万元，請見附件。鎔喆㙍\n",
    "ks_c.eml": f"Subject: K\n{HEAD}안녕하세요 계약서 똠방각하 펲시콜라\n",
    "sjis_cp932.eml": f"Subject: J\n{HEAD}契約書の件、①②髙﨑様、よろしくお願いします。\n",
    "fromline.eml": f"Subject: M1\n{HEAD}Größe\n",
    "blankfirst.eml": f"Subject: B\n{HEAD}BLANKBODY Größe\n",
    "forwarded_b64.eml": f"Subject: Fwd\n{HEAD}OUTERBODY\n\n## Attachment: inner.eml\n\n"
    f"Subject: Inner\n{HEAD}INNERBODY\n\n### Attachment: in.pdf\n\n{PDF}",
    "rawcp1251header.eml": "Subject: Договор аренды помещения\nFrom: Анна <a@x.org>\nTo: b@x.org\n\nТекст письма\n",
    "mbox.mbox": f"# Mail 1: M1\n\nSubject: M1\n{HEAD}Größe\n\n# Mail 2: M2\n\nSubject: M2\n{HEAD}SECONDMAIL\n",
}


@pytest.mark.parametrize("name", TEXTS)
def test_a_mail_is_read_whole(name: str) -> None:
    """Its headers, text and attachments appear in order, and nothing is missing or added."""
    assert read((CASES / name).read_bytes(), name) == Extracted(TEXTS[name])


@pytest.mark.parametrize("name", TEXTS)
def test_a_mail_is_never_taken_for_plain_text(name: str) -> None:
    """The function leaves it to the child, which alone can read it."""
    assert plain_text((CASES / name).read_bytes(), name) is None


def test_a_real_child_reads_a_mail(extracted: Callable[[bytes, str], Extracted]) -> None:
    """It does so within a function's bounds, and tells the parent what it could not read."""
    picture = (
        b"From: a@x.org\r\nSubject: s\r\nContent-Type: image/png; name=scan.png\r\n"
        b"Content-Transfer-Encoding: base64\r\n\r\niVBORw0KGgoAAAAA"
    )
    found = extracted(picture, "inbox/a.eml")
    note = "attachment scan.png: not read, a picture (PNG)"
    assert found.notes == (note,)
    assert found.text == f"Subject: s\nFrom: a@x.org\n\n## Attachment: scan.png\n\n[{note}]\n"
