"""What cannot be read is reported in the run record, and at its place in the text."""

import pytest

from backburner.extraction.reading import read

from . import losses


@pytest.mark.parametrize("name", losses.LOSSES)
def test_a_loss_is_reported_in_the_notes_and_in_the_text(name: str) -> None:
    """The rest of the document is read."""
    make, says = losses.LOSSES[name]
    extracted = read(make(), name)
    assert any(says in note for note in extracted.notes), extracted.notes
    assert all(f"[{note}]" in extracted.text for note in extracted.notes), extracted.text[-600:]
    if losses.BEFORE in extracted.text:
        assert losses.AFTER in extracted.text
