"""An executable model of a job's life: DESIGN.md, section 6, with ADR 7, 17 and 21, tried in random histories.

Processes run interleaved, one effect at a time. They stall and die between any two effects; events are lost or come
twice; the store's answers are lost; documents are overwritten and restored; the provider has no capacity, refuses for
good, fails, denies a generation that it has, or starts one and loses the answer. Then the faults stop, and everything
must come to rest with all promises kept: every document has ended; none is called done with another document's text; no
failure that is older than the upload is left beside a result; no attempt is paid twice; every generation is known,
cancelled or counted; no id is given up that was at hand; none is called lost after the provider has reported it again.
`Rules` switches single rules off, and then the promises break.

    cd docs
    python -m protocol_model [HISTORIES [FIRST_SEED]]
    python -m protocol_model --without message_before_record

Parts, batches, budgets, deadlines, cancelling, deleted documents and changed recipes are not modelled, because they
follow the same rules. A queue that delivers one message to two receivers at once is not modelled, either.
"""
