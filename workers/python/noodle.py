"""What the file of a Python task imports. Standard library only; Python 3.8 or newer.

    from noodle import task

    @task(name="greet", input={"type": "object", "properties": {"name": {"type": "string"}}})
    def run(ctx, input):
        ctx.progress(50, "half way")
        return {"greeting": "Hello " + input["name"]}

A worker runs it as `python noodle.py FILE`, and speaks the line protocol with it (docs/worker-protocol.md).
"""

import json
import os
import signal
import sys
import threading
import traceback

__all__ = ["task", "PermanentFailure", "Cancelled", "Context"]


class PermanentFailure(Exception):
    """A failure after which no further attempt would help."""


class Cancelled(Exception):
    """Raised by ctx.check() when the run must end."""


_tasks = []
_write_lock = threading.Lock()
_to_worker = None


def task(
    name, version="1", description=None, input=None, output=None, defaults=None, secrets=None, deterministic=False
):
    """Makes a function(ctx, input) the task of its file. `input` and `output` are JSON Schemas, `secrets` names; `deterministic`: equal inputs give equal outputs."""

    def register(function):
        about = {"name": name, "version": str(version), "description": description or (function.__doc__ or "").strip()}
        about["input"] = input if input is not None else {}
        about["output"] = output if output is not None else {}
        about["defaults"] = defaults if defaults is not None else {}
        about["secrets"] = list(secrets) if secrets is not None else []
        about["deterministic"] = bool(deterministic)
        _tasks.append((about, function))
        return function

    return register


class Context:
    """What a task gets for a run."""

    def __init__(self, start):
        self.id = start["id"]
        self.attempt = start["attempt"]  # from 1
        self.fence = start["fence"]
        self.last_checkpoint = start.get("lastCheckpoint")  # what an earlier attempt kept last; None when none did
        self.gpus = start.get("gpus", [])
        self.scratch = start["scratch"]  # an empty folder, which is the present one too; removed after the run
        self.artifacts = start["artifacts"]  # another: files that are left there are kept, and can be downloaded
        self.timeout_ms = start.get("timeoutMs")
        self._secrets = start.get("secrets", {})
        self._stop = threading.Event()
        self._stored = threading.Condition()
        self._seq = self._stored_seq = self._refused_seq = 0

    @property
    def cancelled(self):
        """True when the run must end; SIGKILL follows after a grace of some seconds."""
        return self._stop.is_set()

    def check(self):
        """Raises Cancelled when the run must end."""
        if self._stop.is_set():
            raise Cancelled("The run must end.")

    def progress(self, percent, note=None):
        """How far it is, 0 to 100. As often as you like: the newest is stored, twice a second at most."""
        message = {"type": "progress", "percent": max(0, min(100, percent))}
        if note is not None:
            message["note"] = str(note)
        _tell(message)

    def log(self, message, level="info"):
        """A line for the job's log (debug, info, warn or error); so is what the task prints."""
        _tell({"type": "log", "message": str(message), "level": level})

    def secret(self, name):
        """A secret of the job's tenant, of those that the task declares. Hidden in logs and errors; no result or checkpoint may hold one."""
        if name not in self._secrets:
            raise PermanentFailure("The task does not declare the secret %s: add it to secrets of @task." % name)
        return self._secrets[name]

    def heartbeat(self):
        """Tells that it is alive, for tasks with a `silenceMs`; everything that it tells does so."""
        _tell({"type": "heartbeat"})

    def checkpoint(self, value, wait=True):
        """Keeps a value for the next attempt; by default it waits until it is stored."""
        with self._stored:
            self._seq += 1
            seq = self._seq
        _tell({"type": "checkpoint", "value": value, "seq": seq})
        if not wait:
            return
        with self._stored:
            self._stored.wait_for(lambda: max(self._stored_seq, self._refused_seq) >= seq or self.cancelled)
            if self._refused_seq >= seq:
                raise ValueError("The checkpoint could not be kept: it is too large, or the job is not ours.")

    def _hear(self, message):
        kind = message.get("type")
        if kind == "cancel":
            self._end()
        elif kind in ("stored", "refused"):
            with self._stored:
                if kind == "stored":
                    self._stored_seq = max(self._stored_seq, message["seq"])
                else:
                    self._refused_seq = max(self._refused_seq, message["seq"])
                self._stored.notify_all()

    def _end(self):
        self._stop.set()
        # Not with the lock: a signal may come while this very thread holds it.
        if self._stored.acquire(blocking=False):
            self._stored.notify_all()
            self._stored.release()


def _tell(message):
    line = json.dumps(message, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    with _write_lock:
        _to_worker.write(line.encode("utf-8", "replace") + b"\n")
        _to_worker.flush()


def _run(path):
    global _to_worker
    _to_worker = os.fdopen(3, "wb")
    sys.path.insert(0, os.path.dirname(os.path.abspath(path)))
    sys.argv = [path]
    import runpy

    try:
        runpy.run_path(path, run_name="noodle_task")
        if len(_tasks) != 1:
            raise PermanentFailure("%s has %d functions with @task; it must have one." % (os.path.basename(path), len(_tasks)))
    except Exception as error:
        traceback.print_exc()
        _tell({"type": "error", "message": _message(error), "permanent": isinstance(error, PermanentFailure)})
        return 1
    about, function = _tasks[0]
    if os.environ.get("NOODLE_DESCRIBE") == "1":
        _tell({"type": "task", "task": about})
        return 0

    from_worker = os.fdopen(4, "r", encoding="utf-8")
    start = json.loads(from_worker.readline())
    ctx = Context(start)
    signal.signal(signal.SIGTERM, lambda *_: ctx._end())

    def listen():
        for line in from_worker:
            ctx._hear(json.loads(line))
        os._exit(1)  # the worker is gone

    threading.Thread(target=listen, daemon=True).start()
    try:
        _tell({"type": "result", "value": function(ctx, start["input"])})
    except Exception as error:
        traceback.print_exc()
        sys.stderr.flush()
        _tell({"type": "error", "message": _message(error), "permanent": isinstance(error, PermanentFailure)})
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)  # whatever threads the task has left


def _message(error):
    return str(error) or type(error).__name__


if __name__ == "__main__":
    sys.modules["noodle"] = sys.modules["__main__"]  # the file's `from noodle import task` means this
    sys.exit(_run(sys.argv[1]))
