"""Random histories of the protocol, run until everything is at rest and then checked."""

import dataclasses
import random
from dataclasses import dataclass, field

from .protocol import FUNCTION_LIMIT, VISIBILITY, Protocol, Rules, Steps
from .world import BrokenPromiseError, World

FAULTS_UNTIL, MAX_STEPS = 400, 60_000
IDLE, DIES, STALLS, EVENT_LOST = 0.7, 0.01, 0.1, 0.05
"""How likely it is that a turn receives nothing, a process dies or stalls at an effect, or an event is lost."""


@dataclass
class Process:
    """A running function."""

    steps: Steps[None]
    began: float
    stalled_until: float = 0.0


def uploads(rng: random.Random) -> list[tuple[float, str, int, bool]]:
    """Time, key and version of each upload, and whether it is an upload or only a repeated event."""
    plan = []
    for key in (f"document{number}" for number in range(rng.randint(1, 2))):
        at, version = 0.0, 1
        for _ in range(rng.choice((1, 2, 3, 4))):
            plan.append((at, key, version, True))
            plan += [(at + rng.uniform(0, 60), key, version, False) for _ in range(rng.randint(0, 1))]
            at, version = at + rng.choice((10, 30, 90)) * rng.random(), 3 - version
    return sorted(plan)


@dataclass
class History:
    """One random history of the protocol under a set of rules."""

    seed: int
    rules: Rules = field(default_factory=Rules)

    def __post_init__(self) -> None:
        self.rng = random.Random(self.seed)
        self.world = World(self.rng)
        self.protocol = Protocol(self.world, self.rules)
        self.plan = uploads(self.rng)
        self.processes: list[Process] = []

    def run(self) -> str | None:
        """Run it to its end. Returns what is wrong with it, or None."""
        try:
            for _ in range(MAX_STEPS):
                self.world.faults = bool(self.plan) or self.world.now < FAULTS_UNTIL
                self.upload()
                self.receive()
                if self.processes:
                    self.step()
                elif self.plan or self.world.queue:
                    self.wait()
                elif not self.sweep():
                    return self.verdict()
        except BrokenPromiseError as broken:
            return str(broken)
        return "it does not come to rest"

    def begin(self, steps: Steps[None]) -> None:
        self.processes.append(Process(steps, self.world.now))

    def upload(self) -> None:
        while self.plan and self.plan[0][0] <= self.world.now:
            _, key, version, is_upload = self.plan.pop(0)
            if is_upload:
                self.world.upload(key, version)
            if not self.world.fault(EVENT_LOST):  # or the event is lost
                self.begin(self.protocol.submit(key))

    def receive(self) -> None:
        visible = [number for number, letter in self.world.queue.items() if letter.visible_at <= self.world.now]
        if not visible or self.rng.random() < IDLE:
            return
        number = self.rng.choice(visible)
        letter = self.world.queue[number]
        letter.receives += 1
        letter.visible_at = self.world.now + VISIBILITY
        self.begin(self.protocol.handle(number, dataclasses.replace(letter)))

    def step(self) -> None:
        """Let one process have one effect, or end: by itself, by a kill, or by the function's time limit."""
        awake = [process for process in self.processes if process.stalled_until <= self.world.now]
        if not awake:
            self.wait()
            return
        chosen = self.rng.choice(awake)
        self.world.now += 0.2 * self.rng.random()
        if self.world.fault(DIES) or self.world.now > chosen.began + FUNCTION_LIMIT:
            self.world.kills += 1
            self.processes.remove(chosen)
        elif next(chosen.steps, self) is self:
            self.processes.remove(chosen)
        elif self.world.fault(STALLS):
            chosen.stalled_until = self.world.now + self.rng.uniform(0, FUNCTION_LIMIT)

    def wait(self) -> None:
        """Nothing to do: go on to the next time at which something happens."""
        moments = [letter.visible_at for letter in self.world.queue.values()] + [at for at, *_ in self.plan[:1]]
        moments += [process.stalled_until for process in self.processes]
        self.world.now = max(self.world.now, min(moments))

    def sweep(self) -> bool:
        """At rest: submit documents without a record, as the sweep of the inbox does. False if there are none."""
        for name in self.world.store:
            if name.startswith("open/"):
                raise BrokenPromiseError(f"stuck: no message drives {name.removeprefix('open/')}")
        for key, (version, uploaded_at) in self.world.inbox.items():
            records = [self.world.get(f"{kind}/{key}") for kind in ("done", "error")]
            is_answered = any(etag > uploaded_at for etag, _ in records)
            if not is_answered and not any(record and record.job == f"{key}@{version}" for _, record in records):
                self.begin(self.protocol.submit(key))
        return bool(self.processes)

    def verdict(self) -> str | None:
        """Which promise is broken, now that everything is at rest; None if all are kept."""
        for key, (version, uploaded_at) in self.world.inbox.items():
            ends = [self.world.get(f"{kind}/{key}")[1] for kind in ("done", "error")]
            current = [end for end in ends if end and end.job == f"{key}@{version}"]
            if not current:
                return f"lost: {key} as it stands has no end"
            last = max(current, key=lambda end: end.run)
            if last.state == "done" and self.world.get(f"text/{key}")[1] != last.name:
                return f"called done that is not: the text of {key} is another run's"
            if last.state == "done" and 0 < self.world.get(f"error/{key}")[0] < uploaded_at < last.looked_at:
                return f"an older failure is left: {key} is done, and an error record older than the upload beside it"
        return self.world.paid_in_silence()


def first_failure(rules: Rules, seeds: range) -> tuple[int, str] | None:
    """The first seed whose history goes wrong, and how."""
    return next(((seed, wrong) for seed in seeds if (wrong := History(seed, rules).run())), None)
