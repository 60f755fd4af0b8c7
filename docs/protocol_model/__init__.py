"""An executable model of a job's life: section 6 of DESIGN.md, with ADR 7, 17 and 21, against random histories.

Processes run interleaved, one effect at a time. They stall and die between any two effects; events are lost, or come
twice; answers of the store are lost; documents are overwritten and put back; the provider has no capacity, refuses for
good, fails, denies a generation that it has, or starts one and loses the answer. Then the faults stop, and everything
has to come to rest with every promise kept: no document without an end, none called done whose text is another's, no
failure older than the upload beside what is done, no attempt paid twice, no generation that is neither known, cancelled
nor counted, no id given up that was at hand, none called lost of which the provider told in between. `Rules` switches
single rules off, and the promises break.

    cd docs
    python -m protocol_model [HISTORIES [FIRST_SEED]]
    python -m protocol_model --without message_before_record

Not modelled, because it follows the same rules: parts, batches, budgets, deadlines, cancelling, deleted documents,
changed recipes. Not modelled either: a queue that shows one message to two receivers at once.
"""
