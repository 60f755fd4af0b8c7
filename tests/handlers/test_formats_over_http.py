"""All promised formats over real HTTP, among hostile files: what can be read is read, and the rest gives the reason."""

# ruff: noqa: RUF001 - the letters are Cyrillic on purpose

from typing import Any

from backburner.documents.plain_text import MAX_DOCUMENT_BYTES
from extraction import corpus, losses
from extraction.test_encodings import FRENCH, GERMAN, RUSSIAN
from extraction.test_hostile import encrypted_office, paragraphs
from support.depth import depth, thinned
from support.warm_deployment import WarmDeployment

TABLE = "Имя;Тонны\nАнна;12\n"
JSON = '{"harbour": "Выборг", "tons": 12}\n'
PDF_SENTENCES = (corpus.SENTENCES[0], corpus.LATIN, corpus.SENTENCES[2])
TEXTS = [
    ("a.txt", RUSSIAN, "utf-8"),
    ("a.md", f"# Отчёт\n\n{RUSSIAN}", "utf-8-sig"),
    ("a.csv", TABLE, "utf-8"),
    ("a.tsv", TABLE.replace(";", "\t"), "utf-16"),
    ("a.json", JSON, "utf-8"),
    ("a.jsonl", JSON * 3, "utf-8"),
    ("a.log", GERMAN, "utf-32"),
    ("cp1251.txt", RUSSIAN, "cp1251"),
    ("koi8-r.txt", RUSSIAN, "koi8-r"),
    ("cp1252.txt", GERMAN, "cp1252"),
    ("latin-1.txt", FRENCH, "latin-1"),
    ("utf-16-le.txt", RUSSIAN, "utf-16-le"),
    ("utf-16-be.txt", GERMAN, "utf-16-be"),
]
READ: dict[str, tuple[Any, ...]] = {
    # name: the file, and what of it must reach the provider, in this order
    **{
        f"{make.__name__}/report.{make.__name__}": (make, corpus.SENTENCES)
        for make in (corpus.docx, corpus.pptx, corpus.xlsx, corpus.odt, corpus.rtf, corpus.epub, corpus.html)
    },
    "pdf/report.pdf": (corpus.pdf, PDF_SENTENCES),
    "pdf/named otherwise.txt": (corpus.pdf, PDF_SENTENCES),
    "mail/letter.eml": (corpus.mail, corpus.SENTENCES),
    **{
        f"text/{name}": (lambda text=text, encoding=encoding: text.encode(encoding), (text,))
        for name, text, encoding in thinned(TEXTS, one_in=4, kind=lambda text: text[0].rpartition(".")[2])
    },
}
NOTHING_BYTES = MAX_DOCUMENT_BYTES + 1
REFUSED: dict[str, tuple[Any, ...]] = {
    # name: the file, the reason, and what its message says
    "hostile/scan.pdf": (corpus.scan, "unreadable_document", "OCR"),
    "hostile/encrypted.pdf": (lambda: corpus.pdf(owner="x", password="y"), "unreadable_document", "password"),
    "hostile/encrypted.docx": (encrypted_office, "unreadable_document", "password"),
    "hostile/truncated.pdf": (lambda: corpus.pdf(30)[:2500], "unreadable_document", "upload the complete file"),
    "hostile/rubbish.txt": (lambda: bytes(range(128, 256)), "unreadable_document", "UTF-8"),
    "hostile/rubbish": (lambda: bytes(range(256)) * 40, "unsupported_type", "unknown kind"),
    "hostile/bomb.docx": (lambda: paragraphs(depth(500_000, 1_000_000)), "document_too_large", "unpack"),
    "hostile/nothing": (lambda: bytes(NOTHING_BYTES), "document_too_large", str(NOTHING_BYTES)),
    "hostile/empty.txt": (lambda: b"", "empty_document", "no text"),
}


def test_a_mixed_corpus_is_read_and_hostile_files_fail_alone(world: WarmDeployment) -> None:
    """All files share one event; a readable file is sent in its own order, and an unreadable one never is."""
    files = {name: make() for name, (make, *_) in (READ | REFUSED).items()}
    for name, body in files.items():
        world.recipe(name.split("/")[0])
        world.upload(f"inbox/{name}", body)
    world.submit(*(f"inbox/{name}" for name in sorted(files, key=lambda name: name.rsplit("/")[1])))
    world.settle()
    sent = {one.request["metadata"]["job_id"]: str(one.input) for one in world.stand_in.generations}
    for name, (_, sentences) in READ.items():
        text = sent[world.run_record(f"inbox/{name}")["job_id"]]
        places = [text.find(sentence) for sentence in sentences]
        assert places == sorted(places), name
        assert -1 not in places, name
        assert world.result(f"inbox/{name}"), name
    for name, (_, reason, says) in REFUSED.items():
        record = world.error_record(f"inbox/{name}")
        assert (record["reason"], record["responses"]) == (reason, []), name
        assert says in record["message"], name
    assert len(world.creates()) == len(READ)
    assert world.problems() == []
    assert world.keys("ledger/work/") == []


def test_what_could_not_be_read_is_in_the_run_record_and_reaches_the_model(world: WarmDeployment) -> None:
    """No loss of a document's content goes unmentioned."""
    world.recipe("lossy")
    for name, (make, _) in losses.LOSSES.items():
        world.upload(f"inbox/lossy/{name}", make())
    world.submit(*(f"inbox/lossy/{name}" for name in losses.LOSSES))
    world.settle()
    sent = {one.request["metadata"]["job_id"]: str(one.input) for one in world.stand_in.generations}
    for name, (_, says) in losses.LOSSES.items():
        record = world.run_record(f"inbox/lossy/{name}")
        notes = record["source"]["notes"]
        assert any(says in note for note in notes), (name, notes)
        assert all(f"[{note}]" in sent[record["job_id"]] for note in notes), name
