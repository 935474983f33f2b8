"""Runs inside the scoring environment, as the script of a run: scores a folder of files with worker processes.

Standard library only, started by its path in the run's folder with one argument, the plan as JSON
(`serving/batch.py`). The workers run `batch_child.py`, which is beside it.
The rows go to outputs/; logs/batch-journal.jsonl says after each mini-batch which files are done and how long the
output was then. A later run that continues this one takes both over: what was being written when it was killed is cut
off and scored again, and so are files that failed; what is done is not.
"""

from __future__ import annotations

import collections
import contextlib
import json
import multiprocessing
import os
import shutil
import sys
import time
from multiprocessing.connection import wait
from pathlib import Path
from typing import Any, TextIO

import batch_child  # type: ignore[import-not-found]
from batch_files import lay_out, list_files, mini_batches  # type: ignore[import-not-found]

JOURNAL = Path("logs") / "batch-journal.jsonl"
# Each numeric library starts a thread a core, in every worker, unless one of these says otherwise.
THREADS = (
    "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "BLIS_NUM_THREADS", "VECLIB_MAXIMUM_THREADS",
    "NUMEXPR_NUM_THREADS", "NUMBA_NUM_THREADS",
)  # fmt: skip


def share_cores(workers: int) -> None:
    """Give each worker its part of the cores, where the user has not said how many threads there shall be."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    for name in THREADS:
        os.environ.setdefault(name, str(max(1, cores // workers)))


def _counted(number: int, word: str) -> str:
    return f"{number} {word}" if number == 1 else f"{number} {word}s"


class Worker:
    """One worker process, the mini-batch it has, and until when it may take."""

    def __init__(self, entry: str) -> None:
        context = multiprocessing.get_context("spawn")
        self.pipe, theirs = context.Pipe()
        self.process = context.Process(target=batch_child.work, args=(entry, theirs), daemon=True)
        self.process.start()
        theirs.close()
        self.batch: list[str] | None = None
        self.ready = False
        self.deadline = float("inf")

    def give(self, batch: list[str], root: str, seconds: float) -> None:
        self.batch, self.deadline = batch, time.monotonic() + seconds
        with contextlib.suppress(OSError):  # it is dead, as `listen` will find
            self.pipe.send([str(Path(root) / name) for name in batch])

    def dismiss(self) -> None:
        """All is scored: the script's shutdown() may run."""
        with contextlib.suppress(OSError):
            self.pipe.send(None)

    def end(self) -> None:
        self.pipe.close()
        self.process.kill()
        self.process.join(10)


class Batch:
    """The whole work: files in mini-batches, given out, tried again, counted."""

    def __init__(self, plan: dict[str, Any]) -> None:
        self.plan = plan
        self.tries: collections.Counter[str] = collections.Counter()
        self.failed: list[str] = []
        self.done = 0
        self.rows = 0
        self.output: TextIO | None = None
        self.journal: TextIO | None = None
        self.started = self.reported = time.monotonic()
        self.told, self.before, self.total = -1, 0, 0
        self.workers: list[Worker] = []
        self.queue: collections.deque[list[str]] = collections.deque()

    def open(self) -> None:
        """Take over what an earlier run finished, open what is written, and find the files. Raises OSError."""
        JOURNAL.parent.mkdir(exist_ok=True)
        finished = self.take_over() if self.plan["continue"] else set()
        self.journal = JOURNAL.open("a", encoding="utf-8")
        if self.plan["output"]:
            self.output = (Path("outputs") / self.plan["output"]).open("a", encoding="utf-8", newline="")
        files = list_files(Path(self.plan["input"]))
        self.total = len(files)
        self.before = self.done
        self.queue.extend(mini_batches([f for f in files if f[0] not in finished], self.plan["mini_batch"]))

    def close(self) -> None:
        """End the workers and close the files, also when what they hold can't be written."""
        for worker in self.workers:
            worker.end()
        for stream in (self.output, self.journal):
            with contextlib.suppress(OSError):
                if stream:
                    stream.close()

    def take_over(self) -> set[str]:
        """Take over what an earlier run finished. Returns the files that are done; those that failed are not."""
        old = Path(self.plan["continue"])
        length, finished, lines = 0, set(), []
        journal = old / JOURNAL
        output = old / "outputs" / self.plan["output"] if self.plan["output"] else None
        there = output.stat().st_size if output and output.exists() else 0
        for line in journal.read_text(encoding="utf-8").splitlines() if journal.exists() else []:
            try:
                entry = json.loads(line)
            except ValueError:
                break  # torn by the kill
            if output and entry["length"] > there:
                break  # its rows never reached the disk
            lines.append(line)  # those that failed are in none of its `files`
            length = entry["length"]
            finished.update(entry["files"])
            self.rows += entry["rows"]
        self.done = len(finished)
        JOURNAL.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
        if output and output.exists():
            shutil.copyfile(output, Path("outputs") / output.name)
            os.truncate(Path("outputs") / output.name, length)
        say(f"Continuing {old.name}: {self.done} files are already scored.")
        return finished

    def run(self) -> int:
        """Score everything. Returns the exit code: 0, or 1 when more files failed than the threshold allows."""
        if not self.total:
            say(f"There are no files in {self.plan['input']}.")
            return 1
        wanted = min(self.plan["workers"], len(self.queue))
        say(f"{self.total - self.done} of {self.total} files to score; workers: {wanted}")
        share_cores(max(1, wanted))
        self.workers = [Worker(self.plan["entry"]) for _ in range(wanted)]
        while self.queue or any(worker.batch for worker in self.workers):
            for worker in list(self.workers):
                if worker.ready and worker.batch is None and self.queue:
                    worker.give(self.queue.popleft(), self.plan["input"], self.plan["timeout"])
            problem = self.listen()
            if problem:
                say(problem)
                return 1
            self.progress()
        self.dismiss()
        self.progress(last=True)
        if len(self.failed) == self.total:
            say(f"No file was scored: all {self.total} failed.")
            return 1
        return 0

    def dismiss(self) -> None:
        """Let the workers end by themselves, with the time of a mini-batch for shutdown(); no row depends on it."""
        for worker in self.workers:
            worker.dismiss()
        for worker in self.workers:
            worker.process.join(self.plan["timeout"])
            if worker.process.exitcode != 0:
                how = "took too long" if worker.process.exitcode is None else "failed"
                say(f"{self.plan['entry']}: shutdown() {how}; the rows are written.")

    def listen(self) -> str:
        """Wait for news from a worker, and for its time to run out. Returns a reason to stop, if there is one."""
        by_pipe = {worker.pipe: worker for worker in self.workers}
        patience = max(0.0, min(worker.deadline for worker in self.workers) - time.monotonic())
        for pipe in wait(list(by_pipe), timeout=min(patience, 2.0)):
            worker = by_pipe[pipe]  # type: ignore[index]
            try:
                kind, content = worker.pipe.recv()
            except (EOFError, OSError):
                worker.process.join(10)
                kind, content = "died", f"the worker process ended (exit code {worker.process.exitcode})"
            if kind == "broken" or (kind == "died" and not worker.ready):
                return f"{self.plan['entry']}: {content}"
            if kind == "ready":
                if not any(other.ready for other in self.workers):
                    self.started = time.monotonic()  # speed is counted from when there is somebody to work
                worker.ready = True
            elif kind == "done":
                self.finish(worker, *content)
            else:
                self.retry(worker, content, replace=kind == "died")
        for worker in list(self.workers):
            if time.monotonic() > worker.deadline:
                self.retry(worker, f"took longer than {self.plan['timeout']} s", replace=True)
        allowed = self.plan["error_threshold"]
        if 0 <= allowed < len(self.failed):
            return f"{_counted(len(self.failed), 'file')} failed; error_threshold allows {allowed}."
        return ""

    def finish(self, worker: Worker, text: str, count: int) -> None:
        batch, worker.batch, worker.deadline = worker.batch or [], None, float("inf")
        if self.queue:
            # The worker goes on while its rows are written.
            worker.give(self.queue.popleft(), self.plan["input"], self.plan["timeout"])
        self.rows += count
        if count < len(batch):  # v1: the rest of the files failed
            missing = batch[count:]
            names = ", ".join(missing[:5]) + (f" and {len(missing) - 5} more" if len(missing) > 5 else "")
            short = f"run() returned {_counted(count, 'result')} for {_counted(len(batch), 'file')}"
            say(f"{names}: {short}; these count as failed.")
        self.write(batch, text, count)

    def retry(self, worker: Worker, reason: str, *, replace: bool) -> None:
        """Put a mini-batch back into the queue, or give it up; a worker that hangs or died gets a successor."""
        batch, worker.batch, worker.deadline = worker.batch or [], None, float("inf")
        if replace:
            worker.end()
            self.workers.remove(worker)
            self.workers.append(Worker(self.plan["entry"]))
        if not batch:
            return
        self.tries[batch[0]] += 1
        shown = batch[0] if len(batch) == 1 else f"{batch[0]} and {len(batch) - 1} more"
        if self.tries[batch[0]] < self.plan["max_try"]:
            say(f"{shown}: {reason}; trying again.")
            self.queue.append(batch)
            return
        say(f"{shown}: {reason}; given up after {_counted(self.plan['max_try'], 'attempt')}.")
        self.write(batch, "", 0)

    def write(self, batch: list[str], text: str, count: int) -> None:
        """The rows first, then the journal: a kill between the two costs the mini-batch a second try, no row.

        Files from the `count`th on have failed: the journal does not name them, so that a later run tries them.

        Flushed, not synchronised: that outlives every kill, and `take_over` sees what a power failure took.
        """
        length = 0
        if self.output:
            self.output.write(text)
            self.output.flush()
            length = os.fstat(self.output.fileno()).st_size
        assert self.journal is not None  # noqa: S101 - open() was called
        self.journal.write(json.dumps({"files": batch[:count], "rows": count, "length": length}) + "\n")
        self.journal.flush()
        self.failed += batch[count:]
        self.done += len(batch)

    def progress(self, *, last: bool = False) -> None:
        now = time.monotonic()
        due = last or (now - self.reported >= 2 and self.done > self.before)
        if not due or self.done == self.told:
            return
        self.reported, self.told = now, self.done
        speed = (self.done - self.before) / max(now - self.started, 1e-9)
        failed = f", {len(self.failed)} failed" if self.failed else ""
        say(f"{self.done} of {self.total} files, {self.rows} rows{failed}, {speed:.1f} files/s")


def say(text: str) -> None:
    print(text, flush=True)


def main() -> int:
    plan = json.loads(sys.argv[1])
    batch = Batch(plan)
    try:
        # Where a batch deployment's script writes files of its own, and finds the model.
        os.environ["AZUREML_BI_OUTPUT_PATH"] = str(Path("outputs").absolute())
        if plan.get("model"):
            place = Path(".run").absolute() / plan["model"]["directory"]
            shutil.rmtree(str(place), ignore_errors=True)
            os.environ["AZUREML_MODEL_DIR"] = str(lay_out(Path(plan["model"]["path"]), place, link=True))
        batch.open()
        return batch.run()
    except OSError as error:
        here = Path.cwd().name
        say(f"{error.filename or plan['output'] or JOURNAL}: {error.strerror or error}")
        say(f"The results so far are kept. Free space or correct the permissions, then resume it: --continue {here}")
        return 1
    finally:
        batch.close()


if __name__ == "__main__":
    sys.exit(main())
