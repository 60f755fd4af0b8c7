"""Three documents in the three states that lists show."""

from support.fakes import Plan
from support.system import System

A, B, C = "inbox/a.txt", "inbox/notes/b.txt", "inbox/c.txt"


def three_documents() -> System:
    """`A` is done, `B` failed, and the generation of `C` runs."""
    system = System()
    system.process(A, "a")
    system.process(B, "b")
    system.generator.default = Plan(runs_s=1e6)
    system.upload(C, "c")
    system.run(system.submit(C))
    return system
