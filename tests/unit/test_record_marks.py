"""A record that was read stays valid until the run may have been changed."""

from backburner.capacity.record_marks import RecordMarks


def test_a_read_counts_until_this_process_changes_the_run() -> None:
    """Reads of other runs stay valid."""
    marks = RecordMarks()
    marks.forget_all()
    for name in ("a.1", "b.1"):
        assert marks.put(name, marks.now())
    marks.touch("a.1")
    assert not marks.holds("a.1")
    assert marks.holds("b.1")


def test_a_read_that_began_before_a_change_does_not_count() -> None:
    """It may have seen the record before or after it."""
    marks = RecordMarks()
    mark = marks.now()
    marks.touch("a.1")
    assert not marks.put("a.1", mark)
    assert marks.put("a.1", marks.now())


def test_reads_do_not_count_once_another_process_wrote_the_counters() -> None:
    """It may have changed any run; a later read counts again."""
    marks = RecordMarks()
    marks.put("a.1", marks.now())
    marks.forget_all()
    assert not marks.holds("a.1")
    marks.put("a.1", marks.now())
    assert marks.holds("a.1")


def test_runs_forgotten_for_lack_of_room_do_not_count() -> None:
    """Thousands of other runs have changed since, so it is no longer known whether this one has."""
    marks = RecordMarks()
    marks.touch("a.1")
    marks.put("b.1", 0)
    for number in range(5000):
        marks.touch(f"{number}.2")
    assert not marks.holds("b.1")
