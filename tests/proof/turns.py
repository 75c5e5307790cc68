"""Runs that take turns: each listing and each write in S3 waits for its turn in the test's schedule."""

import queue
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from duo_pipeline.landing.body import Body
from duo_pipeline.landing.bucket import Bucket, BucketError
from duo_pipeline.landing.keys import probe_key

PATIENCE = 60.0

Fate = Literal["go", "killed before", "killed after", "killed in flight", "answer lost"]
FATES: tuple[Fate, ...] = ("killed before", "killed after", "killed in flight", "answer lost")


class KilledError(Exception):
    """Stands for SIGKILL: nothing that the run would do after it happens."""


class InMemory(Bucket):
    """What S3 guarantees, in a dictionary, for schedules by the thousand."""

    def __init__(self) -> None:
        self.name = "in-memory"
        self.objects: dict[str, bytes] = {}

    def keys(self, prefix: str) -> list[str]:
        return sorted(key for key in self.objects if key.startswith(prefix))

    def folders(self, prefix: str) -> list[str]:
        below = (key.removeprefix(prefix) for key in self.keys(prefix))
        return sorted({key[: key.index("/") + 1] for key in below if "/" in key})

    def lines(self, key: str) -> Iterator[bytes]:
        return iter(self.content(key).splitlines())

    def content(self, key: str) -> bytes:
        if key not in self.objects:
            raise BucketError(f"{key} does not exist.", "NoSuchKey", "read")
        return self.objects[key]

    def put_new(self, key: str, body: Body) -> bool:
        if key in self.objects:
            return False
        self.objects[key] = body.rewound().read()
        return True

    def put(self, key: str, body: Body) -> None:
        self.objects[key] = body.rewound().read()


class _Kept(Body):
    """A body on its way through the network, whose sender may be gone."""

    def __init__(self, body: Body) -> None:
        super().__init__()
        self.write(body.rewound().read())


class Choice(NamedTuple):
    """What may happen next: a run's call meets a fate, or (no run) a write in flight arrives."""

    run: int | None
    fate: Fate


@dataclass
class _Run:
    name: int
    work: Callable[[Bucket], None]
    seen_to_end: Callable[[], None]
    writes: bool = False
    dead: bool = False
    lost: bool = False
    go: queue.SimpleQueue[Fate] = field(default_factory=queue.SimpleQueue)


class _Turned(Bucket):
    """The bucket as one run sees it."""

    def __init__(self, turns: "Turns", run: _Run) -> None:
        self.name = turns.bucket.name
        self._turns = turns
        self._run = run

    def keys(self, prefix: str) -> list[str]:
        self._turns.wait(self._run)
        return self._turns.bucket.keys(prefix)

    def folders(self, prefix: str) -> list[str]:
        return self._turns.bucket.folders(prefix)  # needs no turn: nobody adopts meanwhile

    def lines(self, key: str) -> Iterator[bytes]:
        if self._run.dead:
            raise KilledError
        return self._turns.bucket.lines(key)  # needs no turn: an object that is there never changes

    def put_new(self, key: str, body: Body) -> bool:
        if key.endswith(probe_key("")):
            return self._turns.bucket.put_new(key, body)  # needs no turn: no record depends on it
        return self._write(lambda sent: self._turns.bucket.put_new(key, sent), body)

    def put(self, key: str, body: Body) -> None:
        if not key.endswith(probe_key("")):
            raise AssertionError(f"{key} would be written whatever is there")
        self._turns.bucket.put(key, body)  # needs no turn: no record depends on it

    def content(self, key: str) -> bytes:
        return self._turns.bucket.content(key)  # only of the probe

    def _write(self, put: Callable[[Body], bool], body: Body) -> bool:
        fate = self._turns.wait(self._run, writes=True)
        if fate == "killed in flight":
            kept = _Kept(body)
            self._turns.in_flight.append(lambda: put(kept))
        elif fate != "killed before":
            written = put(body)
            if fate == "answer lost":  # and the SDK sends it again
                self._run.lost = True
                return self._write(put, body)
        if fate.startswith("killed"):
            self._run.dead = True
            raise KilledError
        return written


class Turns:
    """Several runs over one bucket. At any moment, exactly one of them is active.

    Args:
        bucket: What they share.
        choose: Picks one of the things that may happen next.
        fates: What may happen to a write besides that it goes well.
        misfortunes: How often that may be.
    """

    def __init__(
        self,
        bucket: Bucket,
        choose: Callable[[Sequence[Choice]], Choice],
        fates: Sequence[Fate],
        misfortunes: int,
    ) -> None:
        self.bucket = bucket
        self.in_flight: list[Callable[[], object]] = []
        self._choose = choose
        self._fates = fates
        self._misfortunes = misfortunes
        self._waiting: dict[int, _Run] = {}
        self._events: queue.SimpleQueue[BaseException | None] = queue.SimpleQueue()

    def wait(self, run: _Run, *, writes: bool = False) -> Fate:
        """Hold a run until it is its turn."""
        if run.dead:
            raise KilledError
        run.writes = writes
        self._waiting[run.name] = run
        self._events.put(None)
        return run.go.get(timeout=PATIENCE)

    def play(self, works: Sequence[tuple[Callable[[Bucket], None], Callable[[], None]]]) -> None:
        """Let the runs go on in turns until each has ended.

        Args:
            works: For each run what it does, and what must hold at the moment when it has ended well.
        """
        threads = []
        for name, (work, seen_to_end) in enumerate(works):
            run = _Run(name, work, seen_to_end)
            thread = threading.Thread(target=self._live, args=(run,), daemon=True)
            threads.append(thread)
            thread.start()
            self._until_something_waits()
        while self._waiting:
            choice = self._choose(self._choices())
            if choice.run is None:
                self.in_flight.pop(0)()
                continue
            self._misfortunes -= choice.fate != "go"
            self._waiting.pop(choice.run).go.put(choice.fate)
            self._until_something_waits()
        for arrives in self.in_flight:
            arrives()
        for thread in threads:
            thread.join(PATIENCE)

    def _live(self, run: _Run) -> None:
        try:
            with suppress(KilledError):
                run.work(_Turned(self, run))
                run.seen_to_end()
        except BaseException as error:
            self._events.put(error)
        else:
            self._events.put(None)

    def _until_something_waits(self) -> None:
        if error := self._events.get(timeout=PATIENCE):
            raise error

    def _choices(self) -> list[Choice]:
        found = [Choice(name, "go") for name in sorted(self._waiting)]
        if self.in_flight:
            found.append(Choice(None, "go"))
        if self._misfortunes:
            found += [
                Choice(name, fate)
                for name, run in sorted(self._waiting.items())
                if run.writes
                for fate in self._fates
                if not (run.lost and fate == "answer lost")
            ]
        return found
