"""A Noodle worker in Python: it offers functions as tasks and runs their jobs, and needs nothing but the gateway's address and a token.

    from noodle_worker import task, run_worker

    @task("greet", input={"type": "object", "properties": {"name": {"type": "string"}}, "required": ["name"]})
    def greet(ctx, input):
        return {"greeting": "Hello " + input["name"]}

    if __name__ == "__main__":
        run_worker()

It speaks noodle.v1.WorkerService (proto/noodle/v1/workers.proto) over gRPC: Debian's python3-grpcio and python3-protobuf, or
`pip install grpcio protobuf`; noodle_workers_pb2.py lies beside this file. Python 3.9 or newer, on Linux or macOS.

Three kinds of processes: the worker speaks with the gateway; the keeper is forked from it before anything else happens; each run
is forked from the keeper, so it begins within milliseconds with all that the file of tasks has imported. The keeper kills what
runs when the worker dies, and when the lease ends though the worker can't act, as it is frozen.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import gc
import hashlib
import hmac
import itertools
import json
import logging
import os
import random
import re
import resource
import select
import shutil
import signal
import socket
import sys
import tempfile
import threading
import time
import traceback
import uuid
from dataclasses import dataclass, field
from typing import Any, AsyncIterator, Awaitable, Callable, Dict, List, Mapping, NoReturn, Optional, Set, Tuple, Union

__all__ = ["task", "run_worker", "Settings", "Context", "PermanentFailure", "Cancelled"]

Json = Any
Function = Callable[["Context", Json], Json]

log = logging.getLogger("noodle.worker")

MIB = 1024 * 1024
LINE_CHARS = 16_384
MESSAGE_CHARS = 4000
MOST_IN_A_MESSAGE = MIB
"""gRPC messages may have 4 MiB; what is larger goes in pieces."""
LONGEST_CHILD_LINE = 64 * MIB
CHECKPOINT_LIMIT = MIB
UNSENT_LOG_LIMIT = 4 * MIB
LEAVE_SECONDS = 2.0
"""How long a run's process may take to end after its last word."""
LAST_WORDS_SECONDS = 2.0
"""How long the log of a run, and at a stop the ends of all, may take to be stored."""
LOG_SECONDS, PROGRESS_SECONDS = 0.2, 0.5
"""How often they are sent."""
LAPSED = "lapsed"
"""Why the keeper ended a run: the lease was over."""


class PermanentFailure(Exception):
    """A failure after which no further attempt would help."""


class Cancelled(Exception):
    """Raised by ctx.check() when the run must end."""


# ---- tasks, as their file declares them


@dataclass(frozen=True)
class Task:
    name: str
    function: Function
    version: str
    description: str
    input: Mapping[str, Json]
    output: Mapping[str, Json]
    defaults: Mapping[str, Json]
    secrets: Tuple[str, ...]
    deterministic: bool


_declared: Dict[str, Task] = {}


def task(
    name: str,
    *,
    version: str = "1",
    description: Optional[str] = None,
    input: Optional[Mapping[str, Json]] = None,
    output: Optional[Mapping[str, Json]] = None,
    defaults: Optional[Mapping[str, Json]] = None,
    secrets: Tuple[str, ...] = (),
    deterministic: bool = False,
) -> Callable[[Function], Function]:
    """
    Makes a function(ctx, input) a task. `input` and `output` are JSON Schemas: what does not fit `input` is refused when it is
    submitted. `defaults` may have timeoutMs, retry, resources, priority and silenceMs; `secrets` are names; `deterministic`:
    equal inputs give equal outputs.
    """

    def register(function: Function) -> Function:
        about = description or (function.__doc__ or "").strip()
        _declared[name] = Task(
            name, function, version, about, input or {}, output or {}, defaults or {}, tuple(secrets), deterministic
        )
        return function

    return register


# ---- in the process of a run


class Context:
    """What a task gets for a run."""

    def __init__(self, start: Dict[str, Any], tell: Callable[[Dict[str, Json]], None]) -> None:
        self.id: str = start["id"]
        self.attempt: int = start["attempt"]  # from 1
        self.fence: int = start["fence"]
        self.last_checkpoint: Json = start["lastCheckpoint"]  # what an earlier attempt kept last; None when none did
        self.gpus: List[int] = start["gpus"]
        self.scratch: str = start["scratch"]  # an empty folder, the present one; removed after the run
        self.artifacts: str = start["artifacts"]  # another: files that are left there are kept, and can be downloaded
        self.timeout_ms: int = start["timeoutMs"]
        self._secrets: Dict[str, str] = start["secrets"]
        self._tell = tell
        self._stop = threading.Event()
        self._stored = threading.Condition()
        self._seq = self._stored_seq = self._refused_seq = 0

    @property
    def cancelled(self) -> bool:
        """True when the run must end; SIGKILL follows after a grace of some seconds."""
        return self._stop.is_set()

    def check(self) -> None:
        """Raises Cancelled when the run must end."""
        if self._stop.is_set():
            raise Cancelled("The run must end.")

    def progress(self, percent: float, note: Optional[str] = None) -> None:
        """How far it is, 0 to 100. As often as you like: the newest is sent, twice a second at most."""
        self._tell({"type": "progress", "percent": max(0, min(100, int(percent))), "note": None if note is None else str(note)})

    def log(self, message: object, level: str = "info") -> None:
        """A line for the job's log; so is what the task prints."""
        self._tell({"type": "log", "message": str(message) if level == "info" else f"{level}: {message}"})

    def heartbeat(self) -> None:
        """Tells that it is alive, for tasks with a `silenceMs`; everything that it tells does so."""
        self._tell({"type": "heartbeat"})

    def secret(self, name: str) -> str:
        """A secret of the job's tenant, of those that the task declares."""
        if name not in self._secrets:
            raise PermanentFailure(f"The task does not declare the secret {name}: add it to secrets of @task.")
        return self._secrets[name]

    def checkpoint(self, value: Json, wait: bool = True) -> None:
        """Keeps a value for the next attempt; by default it waits until it is stored."""
        with self._stored:
            self._seq += 1
            seq = self._seq
        self._tell({"type": "checkpoint", "value": value, "seq": seq})
        if not wait:
            return
        with self._stored:
            self._stored.wait_for(lambda: max(self._stored_seq, self._refused_seq) >= seq or self.cancelled)
            if self._refused_seq >= seq:
                raise ValueError("The checkpoint could not be kept: it is too large, or the job is not ours.")

    def _hear(self, message: Dict[str, Any]) -> None:
        if message["type"] == "cancel":
            self._end()
            return
        with self._stored:
            if message["type"] == "stored":
                self._stored_seq = max(self._stored_seq, message["seq"])
            else:
                self._refused_seq = max(self._refused_seq, message["seq"])
            self._stored.notify_all()

    def _end(self) -> None:
        self._stop.set()
        # Not with the lock: a signal may come while this very thread holds it.
        if self._stored.acquire(blocking=False):
            self._stored.notify_all()
            self._stored.release()


def _be_a_run(name: str, key: str, door: str) -> int:
    """The process of a run, just forked: three connections to the worker, one to talk and two that are stdout and stderr."""
    to_worker = _connect(door, f"{key} channel\n")
    for number, stream in ((1, "stdout"), (2, "stderr")):
        with _connect(door, f"{key} {stream}\n") as connection:
            os.dup2(connection.fileno(), number)
    with open(os.devnull) as nothing:
        os.dup2(nothing.fileno(), 0)
    sys.stdout = open(1, "w", encoding="utf-8", errors="replace", buffering=1, closefd=False)
    sys.stderr = open(2, "w", encoding="utf-8", errors="replace", buffering=1, closefd=False)
    from_worker = to_worker.makefile("r", encoding="utf-8")
    lock = threading.Lock()

    def tell(message: Dict[str, Json]) -> None:
        line = json.dumps(message, separators=(",", ":"), allow_nan=False).encode() + b"\n"
        with lock:
            to_worker.sendall(line)

    start = json.loads(from_worker.readline() or "null")
    if start is None:
        return 1  # it was stopped before it began
    ctx = Context(start, tell)
    signal.signal(signal.SIGTERM, lambda *_: ctx._end())
    os.chdir(ctx.scratch)
    gpus = ",".join(map(str, ctx.gpus))
    os.environ.update(
        NOODLE_JOB_ID=ctx.id, NOODLE_ATTEMPT=str(ctx.attempt), NOODLE_FENCE=str(ctx.fence), NOODLE_ARTIFACTS=ctx.artifacts,
        NOODLE_GPUS=gpus, CUDA_VISIBLE_DEVICES=gpus, TMPDIR=ctx.scratch,
    )  # fmt: skip
    tempfile.tempdir = None  # found out before the fork
    random.seed()
    _limit_memory(start["memoryMb"])

    def listen() -> None:
        for line in from_worker:
            ctx._hear(json.loads(line))

    threading.Thread(target=listen, daemon=True).start()
    def fail(code: str, message: str, is_final: bool = False) -> None:
        tell({"type": "error", "code": code, "message": message, "isFinal": is_final})

    try:
        result = _declared[name].function(ctx, start["input"])
    except MemoryError:
        fail("OUT_OF_MEMORY", f"It needed more memory than the {start['memoryMb']} MiB that it may use.")
    except Exception as error:
        traceback.print_exc()
        fail("TASK_ERROR", str(error) or type(error).__name__, isinstance(error, PermanentFailure))
    else:
        try:
            tell({"type": "result", "value": result})
        except (TypeError, ValueError) as error:
            fail("RESULT_INVALID", f"The result of the task {name} can't be told as JSON: {error}", is_final=True)
    return 0


def _connect(door: str, word: str) -> socket.socket:
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    connection.connect(door)
    connection.sendall(word.encode())
    return connection


def _limit_memory(mib: int) -> None:
    """What the run takes besides what its file had taken before the fork."""
    if mib > 0 and sys.platform == "linux":
        with open("/proc/self/status") as status:
            inherited = next((int(line.split()[1]) * 1024 for line in status if line.startswith("VmData:")), 0)
        _, hard = resource.getrlimit(resource.RLIMIT_DATA)
        limit = inherited + mib * MIB
        resource.setrlimit(resource.RLIMIT_DATA, (limit if hard == resource.RLIM_INFINITY else min(hard, limit), hard))


# ---- the keeper


def _now() -> float:
    """Seconds on a clock that counts also while the machine sleeps, where there is one; the same in all processes."""
    return time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))


def _keep(worker: socket.socket) -> NoReturn:
    """Forks runs, tells of their ends, and kills them all when the worker is gone or its lease is over. A word is a line of JSON."""
    gc.freeze()  # so that the memory that a run shares with this process stays shared
    for ignored in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(ignored, signal.SIG_IGN)  # they are meant for the worker, which tells what to do
    wake_out, wake_in = os.pipe()
    os.set_blocking(wake_in, False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(wake_in)
    runs: Dict[int, str] = {}  # keys by process group
    lapsed: Set[str] = set()  # those that were killed as the lease was over
    until = 0.0
    heard = b""

    def kill(group: int, number: int) -> None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(group, number)

    def kill_all() -> None:
        for group in runs:
            kill(group, signal.SIGKILL)

    def tell_end(key: str, status: int, cpu_ms: float = 0.0, rss: int = 0, problem: Optional[str] = None) -> None:
        word = {"ended": key, "status": status, "cpuMs": cpu_ms, "maxRssBytes": rss, "problem": problem}
        with contextlib.suppress(OSError):  # the worker is gone: the next read tells
            worker.sendall(json.dumps(word).encode() + b"\n")

    def start(word: Dict[str, Any]) -> None:
        if _now() >= until:  # frozen meanwhile: what begins now would run beside the next attempt
            return tell_end(word["key"], -signal.SIGKILL, problem=LAPSED)
        try:
            group = os.fork()
        except OSError as error:
            return tell_end(word["key"], 1, problem=f"No process could be made for it: {error}.")
        if group == 0:
            try:
                os.setpgid(0, 0)
                worker.close()
                for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGCHLD):
                    signal.signal(number, signal.SIG_DFL)
                signal.set_wakeup_fd(-1)
                code = _be_a_run(word["task"], word["key"], word["door"])
                sys.stdout.flush()
                sys.stderr.flush()
            except BaseException:
                traceback.print_exc()
                code = 1
            os._exit(code)  # whatever threads the task has left
        with contextlib.suppress(OSError):
            os.setpgid(group, group)  # whoever of both is first
        runs[group] = word["key"]

    def reap() -> None:
        while runs:
            which = -1
            if hasattr(os, "waitid"):  # not on macOS
                gone = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
                if gone is None:
                    return
                which = gone.si_pid
                kill(which, signal.SIGKILL)  # what it has left, while its number can be nobody else's
            pid, status, usage = os.wait4(which, os.WNOHANG)
            if pid == 0:
                return
            if which == -1:
                kill(pid, signal.SIGKILL)
            cpu_ms = (usage.ru_utime + usage.ru_stime) * 1000
            rss = usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024)
            key = runs.pop(pid)
            tell_end(key, os.waitstatus_to_exitcode(status), cpu_ms, rss, LAPSED if key in lapsed else None)
            lapsed.discard(key)

    while True:
        ready = select.select([worker, wake_out], [], [], max(0.0, until - _now()) if runs and until else None)[0]
        if runs and _now() >= until:
            lapsed.update(runs.values())
            kill_all()
            until = 0.0
        if wake_out in ready:
            os.read(wake_out, 4096)
            reap()
        if worker in ready:
            try:
                piece = worker.recv(65_536)
            except ConnectionError:  # killed before it read all that it was told
                piece = b""
            if not piece:
                kill_all()
                os._exit(0)
            *lines, heard = (heard + piece).split(b"\n")
            for line in lines:
                word = json.loads(line)
                if "until" in word:
                    until = word["until"]
                elif "task" in word:
                    start(word)
                else:
                    for group, key in runs.items():
                        if key == word["key"]:
                            kill(group, word["signal"])


@dataclass(frozen=True)
class _Exit:
    status: int  # of the process; below 0 the signal
    cpu_ms: float
    max_rss_bytes: int
    problem: Optional[str]  # why it did not run, or LAPSED


class _Keeper:
    """The worker's end of it."""

    def __init__(self) -> None:
        sys.stdout.flush()
        sys.stderr.flush()
        ours, its = socket.socketpair()
        self._pid = os.fork()
        if self._pid == 0:
            for name in ("AUTH_JWT_SECRET", "WORKER_TOKEN", "MASTER_TLS_KEY"):
                os.environ.pop(name, None)  # tasks have no need of them
            ours.close()
            try:
                _keep(its)
            finally:
                os._exit(1)
        its.close()
        self._socket = ours
        self._exits: Dict[str, asyncio.Future[_Exit]] = {}
        self._writer: Optional[asyncio.StreamWriter] = None

    async def open(self) -> None:
        self._reader, self._writer = await asyncio.open_unix_connection(sock=self._socket)

    async def listen(self) -> None:
        """Hears of ends; returns when the keeper is gone."""
        while line := await self._reader.readline():
            word = json.loads(line)
            exited = self._exits.pop(word["ended"], None)
            if exited is not None and not exited.done():
                exited.set_result(_Exit(word["status"], word["cpuMs"], word["maxRssBytes"], word["problem"]))

    def start(self, key: str, task_name: str, door: str) -> asyncio.Future[_Exit]:
        self._exits[key] = asyncio.get_running_loop().create_future()
        self._tell({"task": task_name, "key": key, "door": door})
        return self._exits[key]

    def signal(self, key: str, number: int) -> None:
        self._tell({"key": key, "signal": number})

    def keep_until(self, at: float) -> None:
        self._tell({"until": at})

    def end(self) -> None:
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)  # for it that is the end of the worker
        os.waitpid(self._pid, 0)

    def _tell(self, word: Dict[str, Json]) -> None:
        assert self._writer is not None
        self._writer.write(json.dumps(word).encode() + b"\n")


# ---- the worker


@dataclass(frozen=True)
class Settings:
    """How a worker runs; `from_environment` reads the options of docs/configuration.md by their names."""

    masters: Tuple[str, ...]  # gateways: host, or host:port
    token: Union[str, Callable[[], str], None] = None  # of the role worker; a function is asked before each call
    secret: Optional[str] = None  # AUTH_JWT_SECRET: the worker makes its own tokens
    tls: bool = False  # believes the authorities of the system; those of `ca` where that is given
    ca: Optional[str] = None  # PEM, like the next two
    cert: Optional[str] = None
    key: Optional[str] = None
    node_id: str = field(default_factory=lambda: f"{_node_name()}-{uuid.uuid4().hex[:8]}")
    tiers: Tuple[str, ...] = ("small",)
    concurrency: int = 10  # jobs at once
    cpus: float = float(os.cpu_count() or 1)
    memory_mb: int = field(default_factory=lambda: _memory_mb())
    gpus: int = 0
    kill_grace: float = 5.0  # seconds between SIGTERM and SIGKILL
    drain_deadline: float = 25.0  # seconds that runs may go on after SIGTERM
    result_limit: int = 8 * MIB
    log_limit: int = 10 * MIB  # of an attempt
    artifact_limit: int = 1024 * MIB  # of all files of an attempt
    artifact_count: int = 100

    @classmethod
    def from_environment(cls) -> Settings:
        """Raises SystemExit that names the option which is missing."""

        def text(name: str) -> Optional[str]:
            path = os.environ.get(name + "_FILE")
            return _read(path) if path else os.environ.get(name) or None

        given: Dict[str, Any] = {
            "masters": _listed(text("MASTER_HOST")),
            "token": text("WORKER_TOKEN"),
            "secret": text("AUTH_JWT_SECRET"),
            "tls": (text("MASTER_TLS") or "").lower() in ("true", "1", "yes") or text("MASTER_TLS_CA") is not None,
            "ca": text("MASTER_TLS_CA"),
            "cert": text("MASTER_TLS_CERT"),
            "key": text("MASTER_TLS_KEY"),
            "node_id": text("NODE_ID"),
            "tiers": _listed(text("TIER")),
        }
        if not given["masters"]:
            raise SystemExit("MASTER_HOST is not set: the worker needs the address of a gateway, such as 10.0.0.1 or master:50051.")
        if not given["token"] and not given["secret"]:
            raise SystemExit("Set WORKER_TOKEN to a token of the role worker, or AUTH_JWT_SECRET.")
        token_file = os.environ.get("WORKER_TOKEN_FILE")
        if token_file:
            given["token"] = lambda: _read(token_file)  # it may be replaced
        numbers = {"concurrency": "CONCURRENCY", "memory_mb": "NODE_MEMORY_MB", "gpus": "NODE_GPUS"}
        limits = {"result_limit": "RESULT_LIMIT_BYTES", "log_limit": "LOG_LIMIT_BYTES", "artifact_limit": "ARTIFACT_LIMIT_BYTES", "artifact_count": "ARTIFACT_LIMIT_COUNT"}  # fmt: skip
        for name, option in {**numbers, **limits}.items():
            given[name] = _number(option, text(option), int)
        given["cpus"] = _number("NODE_CPUS", text("NODE_CPUS"), float)
        for name, option in (("kill_grace", "KILL_GRACE_MS"), ("drain_deadline", "DRAIN_DEADLINE_MS")):
            ms = _number(option, text(option), float)
            given[name] = None if ms is None else ms / 1000
        return cls(**{name: value for name, value in given.items() if value is not None})


def run_worker(settings: Optional[Settings] = None) -> None:
    """
    Runs the tasks that were declared until SIGTERM or SIGINT: then it takes no more jobs, lets what runs end, hands back what
    does not end in time, and returns. Raises SystemExit when the gateway does not take it. To be called before anything starts threads.
    """
    if not _declared:
        raise SystemExit("No task is declared: write @task(...) over a function before run_worker().")
    if threading.active_count() > 1:
        raise SystemExit("run_worker() forks, so it must be called before any thread is started.")
    keeper = _Keeper()
    settings = settings or Settings.from_environment()
    if not logging.getLogger().handlers:
        logging.basicConfig(level=os.environ.get("LOG_LEVEL", "info").upper(), format="%(asctime)s %(levelname)s %(message)s")
    try:
        import grpc.aio  # after the fork: its threads do not live through one

        import noodle_workers_pb2
    except ImportError as error:
        keeper.end()
        raise SystemExit(f"{error}. Install python3-grpcio and python3-protobuf, or pip install grpcio protobuf.") from error
    folder = tempfile.mkdtemp(prefix="noodle-worker-")
    try:
        asyncio.run(_Worker(settings, keeper, folder, grpc, noodle_workers_pb2).run())
    finally:
        keeper.end()
        shutil.rmtree(folder, ignore_errors=True)


class _Refused(Exception):
    """The gateway does not take this worker, and will not."""


class _Stopped(Exception):
    """The run was stopped before it began."""


class _Failed(Exception):
    """The attempt has failed by what the worker found."""

    def __init__(self, code: str, message: str, is_final: bool = False) -> None:
        super().__init__(message)
        self.code = code
        self.is_final = is_final


@dataclass
class _Stop:
    reason: str  # timeout, cancelled, stopping, lease lost, silent
    killed: bool = False


class _Run:
    """A job that this boot holds, from its assignment until its end is stored."""

    def __init__(self, job: Any, boot_id: str) -> None:
        self.job = job
        self.boot_id = boot_id
        self.key = f"{job.job_id} {job.fence}"
        self.started = time.monotonic()
        self.stop: Optional[_Stop] = None
        self.process: Optional[asyncio.Future[_Exit]] = None
        self.channel: Optional[asyncio.StreamWriter] = None
        self.word: Optional[Dict[str, Any]] = None  # its result or error; the first counts
        self.exit: Optional[_Exit] = None
        self.has_ended = False
        self.kept_checkpoint = False
        self.checkpoints: List[Tuple[int, Json]] = []
        self.checkpointing: Optional[asyncio.Task[None]] = None
        self.progress: Optional[Tuple[int, Optional[str]]] = None  # not said yet
        self.progress_said = 0.0
        self.doors: Dict[str, asyncio.Future[Tuple[asyncio.StreamReader, asyncio.StreamWriter]]] = {}
        self.log = _RunLog()
        self.secrets: Dict[str, str] = {}

    def redact(self, text: str) -> str:
        for name, value in self.secrets.items():
            text = text.replace(value, f"[secret {name}]")
        return text


@dataclass
class _End:
    """A finish or hand-back that is said until it is answered; then whether it was stored."""

    message: Any
    answered: asyncio.Future[bool]
    said_at: float = 0.0


class _RunLog:
    """Lines of an attempt, numbered from 1; those that were not stored yet."""

    def __init__(self) -> None:
        self.lines: List[Tuple[int, str, str]] = []  # ms, stream, text
        self.first_seq = 1
        self.bytes = 0  # of all lines
        self.unsent = 0
        self.left_out = 0
        self.stored = asyncio.Event()
        self.stored.set()

    def add(self, stream: str, text: str, limit: int) -> None:
        size = len(text.encode("utf-8", "replace")) + 16
        if stream != "noodle" and (self.bytes + size > limit or self.unsent + size > UNSENT_LOG_LIMIT):
            self.left_out += 1
            return
        self.bytes += size
        self.unsent += size
        self.lines.append((int(time.time() * 1000), stream, text))
        self.stored.clear()

    def take(self, most: int) -> List[Tuple[int, str, str]]:
        """The first lines, so many bytes of them; they stay until `drop`."""
        size = 0
        for count, (_, _, text) in enumerate(self.lines):
            size += len(text) * 4 + 32
            if size > most:
                return self.lines[: max(1, count)]
        return list(self.lines)

    def drop(self, count: int) -> None:
        for _, _, text in self.lines[:count]:
            self.unsent -= len(text.encode("utf-8", "replace")) + 16
        del self.lines[:count]
        self.first_seq += count
        if not self.lines:
            self.stored.set()


class _Link:
    """One stream to one gateway, as long as it lasts. What is to be said in one turn of the event loop goes in one message."""

    def __init__(self, worker: _Worker, address: str) -> None:
        self._worker = worker
        self._pb = worker.pb
        self.address = address
        self.channel = worker.open_channel(address)
        self.bulk = worker.open_channel(address)  # so that no renewal waits behind a large blob
        self.is_over = asyncio.Event()
        self.wants_successor = asyncio.Event()  # it is over, or its gateway goes away
        self.is_drained = asyncio.Event()
        self._waiting: Any = None
        self._due = asyncio.Event()
        self._tasks: List[asyncio.Task[None]] = []
        self._call: Any = None

    async def open(self, hello: Any, within: float) -> None:
        """Until the gateway has taken the node. Raises what the call raises."""
        self._call = self._worker.stream(self.channel)
        try:
            await asyncio.wait_for(self._greet(hello), within)
        except BaseException:
            await self.close()
            raise
        self._tasks = [asyncio.create_task(self._read()), asyncio.create_task(self._write())]

    async def _greet(self, hello: Any) -> None:
        await self._call.write(self._pb.WorkRequest(hello=hello))
        answer = await self._call.read()
        if not isinstance(answer, self._pb.WorkResponse) or not answer.welcome:
            raise ConnectionError("the gateway ended the stream before its welcome")
        self._first = answer

    def say(self) -> Any:
        """The message that goes next, to be filled."""
        if self._waiting is None:
            self._waiting = self._pb.WorkRequest()
            self._due.set()
        return self._waiting

    async def _write(self) -> None:
        with contextlib.suppress(Exception):
            while True:
                await self._due.wait()
                await asyncio.sleep(0)
                self._due.clear()
                message, self._waiting = self._waiting, None
                await self._call.write(message)
        self._end("it could not be written to")

    async def _read(self) -> None:
        why = "the gateway ended the stream"
        try:
            self._worker.hear(self, self._first)
            while isinstance(answer := await self._call.read(), self._pb.WorkResponse):
                self._worker.hear(self, answer)
        except Exception as error:
            why = self._worker.reason_of(error)
        self._end(why)

    def _end(self, why: str) -> None:
        if not self.is_over.is_set():
            self._worker.hear_loss(self, why)
        self._leave()

    def _leave(self) -> None:
        self.is_over.set()
        self.wants_successor.set()
        self._worker.hear_end_of_link(self)

    async def close(self) -> None:
        self._leave()
        for one in self._tasks:
            one.cancel()
        if self._call is not None:
            self._call.cancel()
        await self.channel.close()
        await self.bulk.close()


class _Worker:
    def __init__(self, settings: Settings, keeper: _Keeper, folder: str, grpc: Any, pb: Any) -> None:
        self._settings = settings
        self._keeper = keeper
        self._folder = folder
        self._door = os.path.join(folder, "door")
        self._grpc = grpc
        self.pb = pb
        self._boot_id = str(uuid.uuid4())
        self._is_registered = False
        self._lease = 10.0
        self._until = 0.0  # on _now(): the lease counts as over from then on
        self._expiry: Optional[asyncio.TimerHandle] = None
        self._seq = 0
        self._sent: Dict[int, float] = {}  # when each unanswered renewal was sent
        self._renew_soon = asyncio.Event()
        self._link: Optional[_Link] = None
        self._linked = asyncio.Event()
        self._runs: Dict[str, _Run] = {}
        self._ends: Dict[str, _End] = {}  # finishes and hand-backs without an answer
        self._logs_due = asyncio.Event()
        self._tasks: Set[asyncio.Task[None]] = set()
        self._is_draining = False
        self._is_handing_back = False
        self._no_runs = asyncio.Event()
        self._no_runs.set()
        self._over: asyncio.Future[None]

    # ---- begin and end

    async def run(self) -> None:
        loop = asyncio.get_running_loop()
        self._over = loop.create_future()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._begin_stop)
        await self._keeper.open()
        door = await asyncio.start_unix_server(self._welcome_run, self._door, limit=LONGEST_CHILD_LINE)
        try:
            for duty in (self._keep_linked(), self._renew_lease(), self._send_logs(), self._send_progress(), self._hear_keeper()):
                self._spawn(duty)
            await self._over
        except _Refused as error:
            raise SystemExit(f"The gateway does not take this worker: {error}") from error
        finally:
            door.close()
            for one in list(self._tasks):
                one.cancel()
            if self._link:
                await self._link.close()

    def _spawn(self, duty: Any) -> None:
        """What goes on by itself; a fault in it ends the worker."""
        one: asyncio.Task[None] = asyncio.create_task(duty)
        self._tasks.add(one)

        def end(done: asyncio.Task[None]) -> None:
            self._tasks.discard(done)
            if not done.cancelled() and done.exception() and not self._over.done():
                self._over.set_exception(done.exception())  # type: ignore[arg-type]

        one.add_done_callback(end)

    def _begin_stop(self) -> None:
        if not self._is_handing_back:
            log.info("stopping, %d jobs run", len(self._runs))
            self._is_handing_back = True
            self._spawn(self._stop())

    async def _stop(self) -> None:
        self._drain()
        grace = min(self._settings.kill_grace, self._settings.drain_deadline)
        if not await _within(self._settings.drain_deadline - grace, self._no_runs.wait()):
            log.info("%d running jobs are stopped and handed back", len(self._runs))
            for one in list(self._runs.values()):
                self._stop_run(one, "stopping", grace)
            await _within(grace + LAST_WORDS_SECONDS, self._no_runs.wait())
        if self._link and not self._link.is_over.is_set():
            await _within(LAST_WORDS_SECONDS, self._link.is_drained.wait())
            await _within(LAST_WORDS_SECONDS, self._no_runs.wait())  # what came until then
            with contextlib.suppress(Exception):
                await self._ask("Goodbye", self.pb.GoodbyeRequest(boot_id=self._boot_id), LAST_WORDS_SECONDS)
        if not self._over.done():
            self._over.set_result(None)

    def _drain(self) -> None:
        self._is_draining = True
        if self._link:
            self._link.say().draining = True

    async def _hear_keeper(self) -> None:
        await self._keeper.listen()
        raise RuntimeError("The keeper is gone, and nobody would kill what runs when this worker dies.")

    # ---- calls

    def open_channel(self, address: str) -> Any:
        settings = self._settings
        options = [
            ("grpc.use_local_subchannel_pool", 1),  # a connection that hangs must not be used again
            ("grpc.keepalive_time_ms", int(max(1.0, self._lease / 2) * 1000)),
            ("grpc.keepalive_timeout_ms", int(max(0.5, self._lease / 4) * 1000)),
            ("grpc.max_receive_message_length", 16 * MIB),
            ("grpc.enable_retries", 0),
        ]
        if not settings.tls:
            return self._grpc.aio.insecure_channel(address, options)
        pems = [None if pem is None else pem.encode() for pem in (settings.ca, settings.key, settings.cert)]
        return self._grpc.aio.secure_channel(address, self._grpc.ssl_channel_credentials(*pems), options)

    def _metadata(self) -> Tuple[Tuple[str, str], ...]:
        token = self._settings.token or _worker_token(self._settings.secret or "", self._settings.node_id)
        return (("authorization", f"Bearer {token() if callable(token) else token}"),)

    def _method(self, channel: Any, kind: str, name: str) -> Any:
        """`kind` as grpc names it: unary_unary, unary_stream, stream_unary or stream_stream."""
        request, answer = _METHODS[name]
        serialize = getattr(self.pb, request).SerializeToString
        return getattr(channel, kind)(f"/noodle.v1.WorkerService/{name}", serialize, getattr(self.pb, answer).FromString)

    def stream(self, channel: Any) -> Any:
        return self._method(channel, "stream_stream", "Work")(metadata=self._metadata())

    async def _ask(self, name: str, request: Any, timeout: float = 10.0) -> Any:
        return await self._over_link(
            lambda channel: self._method(channel, "unary_unary", name)(request, timeout=timeout, metadata=self._metadata())
        )

    async def _over_link(self, act: Callable[[Any], Any]) -> Any:
        """Does something over the link that there is, or the next one. Raises ConnectionError when it went away meanwhile."""
        await self._linked.wait()
        link = self._link
        assert link is not None
        try:
            return await act(link.bulk)
        except (asyncio.CancelledError, self._grpc.aio.UsageError) as error:  # as grpc has it when a channel is closed
            if link.is_over.is_set():
                raise ConnectionError(f"the connection to {link.address} is gone") from error
            raise

    async def _insist(self, run: _Run, act: Callable[[], Awaitable[Any]]) -> Any:
        """Tries again while nobody answers, as long as the run goes on. Raises _Stopped."""
        pause = 0.1
        while True:
            if run.stop:
                raise _Stopped()
            try:
                return await act()
            except (ConnectionError, self._grpc.aio.AioRpcError) as error:
                if not self._is_passing(error):
                    raise
            await asyncio.sleep(pause * random.uniform(0.5, 1))
            pause = min(2.0, pause * 2)

    def _is_passing(self, error: Exception) -> bool:
        return isinstance(error, ConnectionError) or error.code().name in _PASSING  # type: ignore[attr-defined]

    def reason_of(self, error: BaseException) -> str:
        if isinstance(error, self._grpc.aio.AioRpcError):
            return f"{error.code().name}: {error.details()}"
        if isinstance(error, (asyncio.TimeoutError, TimeoutError)):
            return "it did not answer in time"
        return str(error) or type(error).__name__

    # ---- the link to the gateway

    async def _keep_linked(self) -> None:
        began, pause = time.monotonic(), 0.05
        for address in itertools.cycle(map(_address, self._settings.masters)):
            try:
                link = await self._open_link(address)
            except asyncio.CancelledError:
                raise
            except Exception as error:
                self._judge(error, time.monotonic() - began)
                log.log(logging.WARNING if pause > 0.3 else logging.DEBUG, "no gateway at %s: %s", address, self.reason_of(error))
                await asyncio.sleep(random.uniform(0, pause))
                pause = min(2.0, pause * 2)
                continue
            pause = 0.05
            former, self._link = self._link, link
            self._linked.set()
            log.info("connected to %s as node %s", address, self._settings.node_id)
            if former:
                await former.close()
            if self._is_draining:
                link.say().draining = True
            self._sent.clear()
            for end in self._ends.values():
                self._say_end(end)
            self._renew_soon.set()
            await link.wants_successor.wait()
            began = time.monotonic()

    async def _open_link(self, address: str) -> _Link:
        link = _Link(self, address)
        try:
            if not self._is_registered:
                await self._register(link.channel)
            held = [
                self.pb.HeldRun(job_id=one.job.job_id, fence=one.job.fence, allocation=one.job.allocation)
                for one in self._runs.values()
            ]
            hello = self.pb.WorkHello(boot_id=self._boot_id, held=held, gpu_shares=1, draining=self._is_draining)
            await link.open(hello, within=max(1.0, self._lease / 2))
            return link
        except BaseException:
            await link.close()
            raise

    async def _register(self, channel: Any) -> None:
        settings = self._settings
        request = self.pb.RegisterRequest(
            node_id=settings.node_id, boot_id=self._boot_id, tiers=settings.tiers, cpus=settings.cpus,
            memory_mb=settings.memory_mb, gpus=settings.gpus, concurrency=settings.concurrency, draining=self._is_draining,
            version=f"python {sys.version.split()[0]}", tasks=[self._offer(one) for one in _declared.values()],
        )  # fmt: skip
        sent = _now()
        answer = await self._method(channel, "unary_unary", "Register")(request, timeout=10.0, metadata=self._metadata())
        self._lease = answer.lease_ms / 1000
        self._is_registered = True
        self._trust(sent)

    def _offer(self, one: Task) -> Any:
        return self.pb.TaskOffer(
            name=one.name, version=one.version, description=one.description, kind="python", deterministic=one.deterministic,
            payload_schema_json=_bytes(one.input), result_schema_json=_bytes(one.output), defaults_json=_bytes(one.defaults),
            secrets=one.secrets,
        )  # fmt: skip

    def _judge(self, error: Exception, after: float) -> None:
        """A boot that was given up is followed by another. What no patience helps against at the begin ends the worker."""
        code = error.code().name if isinstance(error, self._grpc.aio.AioRpcError) else ""
        if code == "FAILED_PRECONDITION" and self._is_registered:
            self._lose_boot()
        elif code == "FAILED_PRECONDITION" and after > 2 * self._lease + 5:
            raise _Refused(self.reason_of(error)) from error  # the lease of whoever has the node id would have run out
        elif code in _HOPELESS and self._link is None:
            raise _Refused(self.reason_of(error)) from error

    def hear_loss(self, link: _Link, why: str) -> None:
        if link is self._link:
            log.warning("the connection to %s is gone, what runs goes on: %s", link.address, why)

    def hear_end_of_link(self, link: _Link) -> None:
        if link is self._link:
            self._linked.clear()

    def hear(self, link: _Link, said: Any) -> None:
        """In the order of the fields: a job that a renewal lists must have been heard of."""
        for job in said.jobs:
            run = _Run(job, self._boot_id)
            if run.key in self._runs:
                continue
            self._runs[run.key] = run
            self._no_runs.clear()
            self._spawn(self._carry(run))
        for ended in said.ended:
            self._hear_end(ended)
        if said.HasField("renewed"):
            self._hear_renewal(link, said.renewed)
        if said.renew_now:
            self._renew_soon.set()
        if said.drained:
            link.is_drained.set()
        if said.go_away:
            log.info("the gateway sends this worker to another one")
            link.wants_successor.set()

    # ---- the lease

    async def _renew_lease(self) -> None:
        """Every third of it. A gateway that is silent for a quarter is left: so there is time to be taken by another one."""
        renewed_at = 0.0
        while True:
            is_asked = await _within(self._lease / 12, self._renew_soon.wait())
            self._renew_soon.clear()
            link = self._link
            if not link or link.is_over.is_set() or not self._is_registered:
                continue
            if self._sent and _now() - min(self._sent.values()) > self._lease / 4:
                log.warning("renewals of the lease are not answered, trying another connection")
                self._sent.clear()
                await link.close()
                continue
            if not is_asked and _now() - renewed_at < self._lease / 3:
                continue
            renewed_at = _now()
            self._seq += 1
            self._sent[self._seq] = renewed_at
            link.say().renewal.CopyFrom(self._renewal())
            # What was not answered for so long may have been lost.
            for end in self._ends.values():
                if time.monotonic() - end.said_at > self._lease / 3:
                    self._say_end(end)

    def _renewal(self) -> Any:
        load = os.getloadavg()[0] / (os.cpu_count() or 1)
        is_drained = self._is_draining and not self._runs
        return self.pb.LeaseRenewal(seq=self._seq, is_drained=is_drained, cpu_use=min(1.0, load))

    def _hear_renewal(self, link: _Link, renewed: Any) -> None:
        sent = self._sent.get(renewed.seq)
        self._sent = {seq: at for seq, at in self._sent.items() if seq > renewed.seq}
        if sent is None:
            return
        if renewed.try_again:
            asyncio.get_running_loop().call_later(min(0.5, self._lease / 10), self._renew_soon.set)
            return
        if not renewed.is_live:
            self._lose_boot()
            self._spawn(link.close())
            return
        self._trust(sent)
        if renewed.is_draining and not self._is_draining:
            log.info("told to take no more jobs")
            self._drain()
        for held in renewed.held:
            key = f"{held.job_id} {held.fence}"
            run = self._runs.get(key)
            if run and held.cancel_requested:
                self._stop_run(run, "cancelled", self._settings.kill_grace)
            elif not run and key not in self._ends:
                log.warning("job %s is held and does not run, it is handed back", held.job_id)
                self._spawn(self._hand_back(held.job_id, held.fence, "not-running"))

    def _trust(self, sent: float) -> None:
        """The lease is reckoned from when the renewal was sent, so that it ends here before it can end there."""
        margin = min(1.0, self._lease / 5)
        former, self._until = self._until, sent + self._lease - margin
        self._keeper.keep_until(self._until + margin / 2)
        if 0.0 < former <= _now():  # frozen until now, so that the timer had no turn yet
            self._expire()
            self._until = sent + self._lease - margin
            self._keeper.keep_until(self._until + margin / 2)
        if self._expiry:
            self._expiry.cancel()
        self._expiry = asyncio.get_running_loop().call_later(max(0.0, self._until - _now()), self._expire)

    def _expire(self) -> None:
        """Others may run from now on what runs here. What has not begun waits for the next renewal."""
        begun = [run for run in self._runs.values() if run.process]
        if begun:
            log.warning("the lease could not be renewed in time, the %d jobs that run are stopped", len(begun))
        self._until = 0.0
        self._keeper.keep_until(0.0)
        for run in begun:
            self._stop_run(run, "lease lost", 0.0)

    def _lose_boot(self) -> None:
        log.warning("this node was given up, it registers anew")
        self._until = 0.0
        self._keeper.keep_until(0.0)
        for run in list(self._runs.values()):
            self._stop_run(run, "lease lost", 0.0)
        for end in self._ends.values():
            if not end.answered.done():
                end.answered.set_result(False)
        self._boot_id = str(uuid.uuid4())
        self._is_registered = False
        self._sent.clear()

    # ---- runs

    async def _carry(self, run: _Run) -> None:
        """A job from its assignment until its end is stored, or is nobody's business any more."""
        end: Any = None
        folder = tempfile.mkdtemp(prefix="run-", dir=self._folder)
        timer = asyncio.get_running_loop().call_later(
            min(run.job.timeout_ms / 1000, 2**20), self._stop_run, run, "timeout", self._settings.kill_grace
        )
        try:
            end = await self._perform(run, folder)
        except _Stopped:
            pass
        except _Failed as error:
            end = self._failure(run, error.code, str(error), error.is_final)
        except asyncio.CancelledError:
            raise
        except Exception as error:
            log.exception("job %s could not be run", run.job.job_id)
            end = self._failure(run, "TASK_ERROR", f"The worker could not run it: {self.reason_of(error)}")
        finally:
            timer.cancel()
            shutil.rmtree(folder, ignore_errors=True)
        run.has_ended = True
        try:
            if run.stop and run.word is None:
                end = self._end_of_stopped(run)
            self._say_progress(run)
            if run.log.left_out:
                run.log.add("noodle", f"{run.log.left_out} lines are left out: they were too many, or came too fast.", 0)
            if run.log.lines:
                self._logs_due.set()
                await _within(LAST_WORDS_SECONDS, run.log.stored.wait())  # who sees the end finds the log whole
            if end == "hand back":
                await self._hand_back(run.job.job_id, run.job.fence, "node-stopping")
            elif end is not None:
                await self._tell_end(run.key, end)
        finally:
            if self._runs.get(run.key) is run:
                del self._runs[run.key]
            if not self._runs:
                self._no_runs.set()

    async def _perform(self, run: _Run, folder: str) -> Any:
        """Runs the task in a process of its own. Answers with a RunFinish."""
        job = run.job
        declared = _declared.get(job.task)
        if declared is None:
            raise _Failed("TASK_UNKNOWN", f"This node does not offer the task {job.task}.")
        start = await self._start_word(run, declared, folder)
        while not run.stop and _now() >= self._until:
            await asyncio.sleep(0.05)  # what begins after the end of the lease would run beside the next attempt
        if run.stop:
            raise _Stopped()
        run.started = time.monotonic()
        loop = asyncio.get_running_loop()
        run.doors = {name: loop.create_future() for name in ("channel", "stdout", "stderr")}
        run.process = self._keeper.start(run.key, job.task, self._door)
        outputs = [asyncio.create_task(self._read_output(run, name)) for name in ("stdout", "stderr")]
        talking = asyncio.create_task(self._talk(run, start, declared))
        run.exit = await run.process
        if run.exit.problem == LAPSED:
            self._stop_run(run, "lease lost", 0.0)
        elif run.exit.problem:
            raise _Failed("SPAWN_FAILED", run.exit.problem)
        if run.doors["channel"].done():  # it came in, so the others are on their way
            await asyncio.wait(run.doors.values(), timeout=LEAVE_SECONDS)
        for door in run.doors.values():
            door.cancel()
        await asyncio.wait([talking, *outputs], timeout=LEAVE_SECONDS)  # what it had said before
        for one in (talking, *outputs):
            one.cancel()
        if run.checkpointing:
            await _within(LAST_WORDS_SECONDS, run.checkpointing)
        if run.stop and run.word is None:
            raise _Stopped()
        return await self._outcome(run, start["artifacts"])

    async def _start_word(self, run: _Run, declared: Task, folder: str) -> Dict[str, Any]:
        job = run.job
        run_id = self._run_id(run)
        payload = job.payload_json
        if job.WhichOneof("payload") == "payload_ref":
            payload = await self._insist(run, lambda: self._read_payload(run))
        last_checkpoint = None
        if job.attempt > 1:
            answer = await self._insist(run, lambda: self._ask("GetCheckpoint", self.pb.GetCheckpointRequest(run=run_id)))
            last_checkpoint = json.loads(answer.value_json or b"null")
        if declared.secrets:
            request = self.pb.ReadSecretsRequest(run=run_id, names=declared.secrets)
            answer = await self._insist(run, lambda: self._ask("ReadSecrets", request))
            if answer.missing:
                raise _Failed("SECRET_UNAVAILABLE", f"The secret {answer.missing} can not be had: {answer.why}.")
            run.secrets = dict(answer.values)
        scratch, artifacts = os.path.join(folder, "scratch"), os.path.join(folder, "artifacts")
        os.mkdir(scratch)
        os.mkdir(artifacts)
        return {
            "id": job.job_id, "task": job.task, "attempt": job.attempt, "fence": job.fence,
            "input": json.loads(payload or b"null"), "lastCheckpoint": last_checkpoint, "gpus": list(job.grant.gpus),
            "memoryMb": job.grant.memory_mb, "scratch": scratch, "artifacts": artifacts, "timeoutMs": job.timeout_ms,
            "secrets": run.secrets,
        }  # fmt: skip

    async def _welcome_run(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """A connection of a run's process."""
        key, _, name = (await reader.readline()).decode().strip().rpartition(" ")
        run = self._runs.get(key)
        door = run.doors.get(name) if run else None
        if door and not door.done():
            door.set_result((reader, writer))
        else:
            writer.close()

    async def _talk(self, run: _Run, start: Dict[str, Any], declared: Task) -> None:
        """The channel of a run's process: one JSON object a line, as in docs/worker-protocol.md."""
        reader, writer = await run.doors["channel"]
        silence = declared.defaults.get("silenceMs")
        try:
            run.channel = writer
            writer.write(_bytes(start) + b"\n")
            while line := await asyncio.wait_for(reader.readline(), None if silence is None else silence / 1000):
                self._hear_task(run, json.loads(line))
        except asyncio.TimeoutError:
            self._stop_run(run, "silent", 0.0)
        except (OSError, ValueError) as error:  # gone, or more than a line may have
            log.debug("run %s: %s", run.key, error)
        finally:
            writer.close()

    def _hear_task(self, run: _Run, word: Dict[str, Any]) -> None:
        kind = word["type"]
        if kind == "checkpoint":
            run.checkpoints.append((word["seq"], word["value"]))
            if not run.checkpointing:
                run.checkpointing = asyncio.create_task(self._save_checkpoints(run))
        elif run.stop or run.word:
            return  # not believed any more
        elif kind in ("result", "error"):
            run.word = word
            asyncio.get_running_loop().call_later(LEAVE_SECONDS, self._kill, run)
        elif kind == "progress":
            run.progress = (word["percent"], word.get("note"))
            if time.monotonic() - run.progress_said >= PROGRESS_SECONDS:
                self._say_progress(run)
        elif kind == "log":
            for text in str(word["message"]).splitlines() or [""]:
                self._add_line(run, "log", text)

    async def _save_checkpoints(self, run: _Run) -> None:
        while run.checkpoints:
            seq, value = run.checkpoints[-1]  # the newest stands for those before
            run.checkpoints.clear()
            data = _bytes(value)
            is_kept = False
            if len(data) <= CHECKPOINT_LIMIT:
                request = self.pb.SaveCheckpointRequest(run=self._run_id(run), value_json=data)
                with contextlib.suppress(_Stopped, ConnectionError, self._grpc.aio.AioRpcError):
                    is_kept = (await self._insist(run, lambda: self._ask("SaveCheckpoint", request))).is_kept
            run.kept_checkpoint = run.kept_checkpoint or is_kept
            self._tell_task(run, {"type": "stored" if is_kept else "refused", "seq": seq})
        run.checkpointing = None

    def _tell_task(self, run: _Run, word: Dict[str, Json]) -> None:
        if run.channel and not run.channel.is_closing():
            run.channel.write(_bytes(word) + b"\n")

    async def _read_output(self, run: _Run, name: str) -> None:
        reader, writer = await run.doors[name]
        held = b""
        try:
            while piece := await reader.read(65_536):
                *lines, held = (held + piece).split(b"\n")
                if len(held) > 4 * LINE_CHARS:
                    lines, held = [*lines, held], b""
                for line in lines:
                    self._add_line(run, name, line.decode("utf-8", "replace"))
            if held:
                self._add_line(run, name, held.decode("utf-8", "replace"))
        except OSError:
            pass  # it is gone
        finally:
            writer.close()

    def _add_line(self, run: _Run, stream: str, text: str) -> None:
        text = run.redact(text.rstrip("\r")).replace("\0", "\ufffd")
        for at in range(0, max(1, len(text)), LINE_CHARS):
            run.log.add(stream, text[at : at + LINE_CHARS], self._settings.log_limit)

    def _stop_run(self, run: _Run, reason: str, grace: float) -> None:
        if run.has_ended:
            return
        if reason == "lease lost":
            run.word = None  # whatever it said last: it is somebody else's by now
        elif run.stop or run.word:
            return
        run.stop = run.stop or _Stop(reason)
        if reason == "lease lost":
            run.stop.reason = reason
        if run.process is None or run.process.done():
            return
        self._tell_task(run, {"type": "cancel", "reason": reason, "graceMs": int(grace * 1000)})
        if grace > 0:
            self._keeper.signal(run.key, signal.SIGTERM)
            asyncio.get_running_loop().call_later(grace, self._kill, run)
        else:
            self._kill(run)

    def _kill(self, run: _Run) -> None:
        if run.process and not run.process.done():
            if run.stop:
                run.stop.killed = True
            self._keeper.signal(run.key, signal.SIGKILL)

    # ---- ends

    async def _outcome(self, run: _Run, artifacts: str) -> Any:
        word, status = run.word, run.exit.status if run.exit else 0
        if word is None:
            how = f"was ended by {signal.Signals(-status).name}" if status < 0 else f"ended with exit code {status}"
            message = f"The process of the task {run.job.task} {how} before it told a result."
            await self._keep_artifacts(run, artifacts, has_failed=True)
            return self._failure(run, "SIGNAL" if status < 0 else "EXIT_CODE", message)
        if word["type"] == "error":
            await self._keep_artifacts(run, artifacts, has_failed=True)
            return self._failure(run, word["code"], word["message"], word["isFinal"])
        data = _bytes(word["value"])
        if len(data) > self._settings.result_limit:
            raise _Failed("RESULT_TOO_LARGE", f"The result has {len(data)} bytes as JSON, more than RESULT_LIMIT_BYTES.", True)
        for name, value in run.secrets.items():
            if value in data.decode():
                raise _Failed("RESULT_INVALID", f"The result holds the secret {name}.", True)
        await self._keep_artifacts(run, artifacts, has_failed=False)
        success = self.pb.RunSuccess(may_answer=_declared[run.job.task].deterministic and len(run.job.cache_key) > 0)
        if len(data) <= MOST_IN_A_MESSAGE:
            success.result_json = data
        else:
            stored = await self._insist(run, lambda: self._store_blob(run, "", _pieces(data), len(data)))
            success.stored.CopyFrom(self.pb.StoredResult(bytes=stored.bytes, sha256=stored.sha256))
        return self._finish(run, success=success)

    def _end_of_stopped(self, run: _Run) -> Any:
        """A RunFinish, "hand back", or None where nothing may be said."""
        assert run.stop is not None
        reason = run.stop.reason
        status = run.exit.status if run.exit else None
        how = f"SIGKILL after {self._settings.kill_grace:g} s" if run.stop.killed else "SIGTERM"
        how += f", exit {status}" if status is not None and status >= 0 else ""
        if reason == "timeout":
            message = f"It ran longer than its timeoutMs of {run.job.timeout_ms}" + (f" and was ended: {how}." if run.process else ".")
            return self._failure(run, "TIMEOUT", message)
        if reason == "silent":
            return self._failure(run, "SILENT", "The task told nothing for as long as its silenceMs allows.")
        if reason == "cancelled":
            failure = self._failure(run, "CANCELLED", "Cancelled on request.", True)
            failure.failure.reason = f"cancelled: {how}" if run.process else "cancelled"
            return failure
        return "hand back" if reason == "stopping" else None

    def _failure(self, run: _Run, code: str, message: str, is_final: bool = False) -> Any:
        failure = self.pb.RunFailure(code=code, message=run.redact(message)[:MESSAGE_CHARS], is_final=is_final)
        if code == "OUT_OF_MEMORY":
            failure.out_of_memory_mb = run.job.grant.memory_mb
        return self._finish(run, failure=failure)

    def _finish(self, run: _Run, **outcome: Any) -> Any:
        wall_ms = (time.monotonic() - run.started) * 1000
        usage = self.pb.Usage(wall_ms=round(wall_ms))
        if run.exit:
            usage.cpu_ms, usage.max_rss_bytes = run.exit.cpu_ms, run.exit.max_rss_bytes
        if run.job.grant.held_gpus > 0:
            usage.gpu_seconds = run.job.grant.held_gpus * wall_ms / 1000
        return self.pb.RunFinish(
            job_id=run.job.job_id, fence=run.job.fence, usage=usage, kept_checkpoint=run.kept_checkpoint, **outcome
        )

    async def _hand_back(self, job_id: str, fence: int, reason: str) -> None:
        message = self.pb.RunHandBack(job_id=job_id, fence=fence, reason=reason)
        await self._tell_end(f"{job_id} {fence}", message)

    async def _tell_end(self, key: str, message: Any) -> None:
        """Says it until it is answered, over one connection after the other."""
        end = self._ends[key] = _End(message, asyncio.get_running_loop().create_future())
        self._say_end(end)
        try:
            if not await end.answered:
                log.warning("the end of the job and fence %s was not stored: it was this node's no more", key)
        finally:
            self._ends.pop(key, None)

    def _say_end(self, end: _End) -> None:
        if self._link and not self._link.is_over.is_set() and not end.answered.done():
            end.said_at = time.monotonic()
            said = self._link.say()
            (said.finishes if isinstance(end.message, self.pb.RunFinish) else said.hand_backs).append(end.message)

    def _hear_end(self, ended: Any) -> None:
        end = self._ends.get(f"{ended.job_id} {ended.fence}")
        if end is None or end.answered.done():
            return
        if ended.try_again:
            asyncio.get_running_loop().call_later(random.uniform(0.1, 0.5), self._say_end, end)
        else:
            end.answered.set_result(ended.state != 0)

    # ---- what a run leaves

    def _run_id(self, run: _Run) -> Any:
        return self.pb.RunId(boot_id=run.boot_id, job_id=run.job.job_id, fence=run.job.fence)

    async def _read_payload(self, run: _Run) -> bytes:
        request = self.pb.ReadPayloadRequest(run=self._run_id(run))

        async def read(channel: Any) -> bytes:
            call = self._method(channel, "unary_stream", "ReadPayload")
            return b"".join([piece.data async for piece in call(request, timeout=600, metadata=self._metadata())])

        data: bytes = await self._over_link(read)
        if hashlib.sha256(data).hexdigest() != run.job.payload_ref.sha256:
            raise _Failed("BLOB_LOST", "The payload that came does not have its checksum.")
        return data

    async def _store_blob(self, run: _Run, artifact: str, pieces: AsyncIterator[bytes], size: int) -> Any:
        digest = hashlib.sha256()

        async def requests() -> AsyncIterator[Any]:
            yield self.pb.StoreBlobRequest(head=self.pb.BlobHead(run=self._run_id(run), artifact=artifact, bytes=size))
            async for piece in pieces:
                digest.update(piece)
                yield self.pb.StoreBlobRequest(data=piece)

        stored = await self._over_link(
            lambda channel: self._method(channel, "stream_unary", "StoreBlob")(requests(), timeout=600, metadata=self._metadata())
        )
        if stored.sha256 != digest.hexdigest():
            raise _Failed("BLOBS_UNAVAILABLE", "What was stored does not have the checksum of what was sent.")
        return stored

    async def _keep_artifacts(self, run: _Run, folder: str, has_failed: bool) -> None:
        """Stores the files that the run has left. When it has failed, nothing more is made of what can't be kept."""
        try:
            kept: List[Any] = []
            total = 0
            for path, name in _plain_files(folder):
                size = os.lstat(path).st_size
                total += size
                if total > self._settings.artifact_limit or len(kept) >= self._settings.artifact_count:
                    raise _Failed("ARTIFACTS_TOO_LARGE", "It left more than ARTIFACT_LIMIT_BYTES or ARTIFACT_LIMIT_COUNT allow.", True)
                stored = await self._insist(run, lambda: self._store_blob(run, name, _file_pieces(path, size), size))
                kept.append(self.pb.StoredArtifact(name=name, bytes=size, sha256=stored.sha256))
            if kept:
                request = self.pb.KeepArtifactsRequest(run=self._run_id(run), artifacts=kept)
                await self._insist(run, lambda: self._ask("KeepArtifacts", request))
        except Exception as error:
            if not has_failed:
                raise
            self._add_line(run, "noodle", f"The artifacts could not be kept: {self.reason_of(error)}")

    async def _send_progress(self) -> None:
        while True:
            await asyncio.sleep(PROGRESS_SECONDS)
            for run in self._runs.values():
                self._say_progress(run)

    def _say_progress(self, run: _Run) -> None:
        if run.progress and self._link and not self._link.is_over.is_set():
            percent, note = run.progress
            run.progress, run.progress_said = None, time.monotonic()
            said = self.pb.RunProgress(job_id=run.job.job_id, fence=run.job.fence, percent=percent)
            if note is not None:
                said.note = run.redact(note)
            self._link.say().progress.append(said)

    async def _send_logs(self) -> None:
        """Lines of all runs together. They are numbered, so sending them twice is harmless."""
        while True:
            await _within(LOG_SECONDS, self._logs_due.wait())
            self._logs_due.clear()
            while busy := [run for run in self._runs.values() if run.log.lines]:
                room, taken = MOST_IN_A_MESSAGE, []
                for run in busy:
                    if room <= 0:
                        break
                    lines = run.log.take(room)
                    room -= sum(len(text) * 4 + 32 for _, _, text in lines)
                    taken.append((run, lines))
                request = self.pb.WriteLogsRequest(boot_id=self._boot_id, logs=[self._log_lines(*one) for one in taken])
                try:
                    await self._ask("WriteLogs", request)
                except (ConnectionError, self._grpc.aio.AioRpcError) as error:
                    if self._is_passing(error):
                        break
                    log.warning("lines of logs are lost: %s", self.reason_of(error))
                for run, lines in taken:
                    run.log.drop(len(lines))

    def _log_lines(self, run: _Run, lines: List[Tuple[int, str, str]]) -> Any:
        streams = {name: self.pb.LogStream.Value(f"LOG_STREAM_{name.upper()}") for name in ("stdout", "stderr", "log", "noodle")}
        return self.pb.LogLines(
            job_id=run.job.job_id, attempt=run.job.attempt, first_seq=run.log.first_seq,
            lines=[self.pb.LogLine(at_ms=at, stream=streams[stream], text=text) for at, stream, text in lines],
        )  # fmt: skip


_METHODS = {
    name: (f"{name}Request", f"{name}Response")
    for name in ("Register", "Work", "Goodbye", "WriteLogs", "SaveCheckpoint", "GetCheckpoint", "StoreBlob", "KeepArtifacts", "ReadSecrets")
}
_METHODS["ReadPayload"] = ("ReadPayloadRequest", "BlobPiece")
_HOPELESS = {"INVALID_ARGUMENT", "UNIMPLEMENTED", "PERMISSION_DENIED", "UNAUTHENTICATED"}
_PASSING = {"UNAVAILABLE", "DEADLINE_EXCEEDED", "CANCELLED", "ABORTED", "INTERNAL", "UNKNOWN", "RESOURCE_EXHAUSTED", "UNAUTHENTICATED"}
"""The last: a token that ran out may be replaced while what runs goes on."""


async def _within(seconds: float, act: Awaitable[Any]) -> bool:
    """False when it took longer; it is given up then."""
    try:
        await asyncio.wait_for(act, max(0.0, seconds))
        return True
    except asyncio.TimeoutError:
        return False


def _worker_token(secret: str, node_id: str, life_seconds: int = 3600) -> str:
    """A token that speaks for this node and is good for nothing but a node's work (HS256, under a key of its own)."""
    pseudorandom = hmac.digest(b"\0" * 32, secret.encode(), "sha256")  # HKDF (RFC 5869), with no salt
    key = hmac.digest(pseudorandom, b"noodle node tokens\x01", "sha256")
    now = int(time.time())
    header = {"alg": "HS256", "typ": "node+jwt"}
    claims = {"iss": "noodle", "aud": "noodle-workers", "sub": node_id, "iat": now, "exp": now + life_seconds}
    signed = b".".join(base64.urlsafe_b64encode(_bytes(part)).rstrip(b"=") for part in (header, claims))
    return (signed + b"." + base64.urlsafe_b64encode(hmac.digest(key, signed, "sha256")).rstrip(b"=")).decode()


def _bytes(value: Json) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode("utf-8", "replace")


async def _pieces(data: bytes) -> AsyncIterator[bytes]:
    for at in range(0, len(data), MIB // 4):
        yield data[at : at + MIB // 4]


async def _file_pieces(path: str, size: int) -> AsyncIterator[bytes]:
    with open(os.open(path, os.O_RDONLY | os.O_NOFOLLOW), "rb") as file:
        while size > 0 and (piece := file.read(min(size, MIB // 4))):
            size -= len(piece)
            yield piece


def _plain_files(folder: str) -> List[Tuple[str, str]]:
    """Files with one name, with their names in the folder. Links and everything that is no plain file are left out."""
    found = []
    for at, _, names in os.walk(folder):
        for name in sorted(names):
            path = os.path.join(at, name)
            stat = os.lstat(path)
            if stat.st_nlink == 1 and os.path.isfile(path) and not os.path.islink(path):
                found.append((path, os.path.relpath(path, folder)))
    return found


def _address(master: str) -> str:
    """With a port, and an IPv6 address in brackets."""
    return master if re.search(r"(^[^:]+|\]):\d+$", master) else f"{master}:50051"


def _node_name() -> str:
    return "".join(char if char.isalnum() or char in "._-" else "-" for char in socket.gethostname())[:48] or "node"


def _memory_mb() -> int:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // MIB


def _read(path: str) -> str:
    with open(path, encoding="utf-8") as file:
        return file.read().strip()


def _listed(text: Optional[str]) -> Optional[Tuple[str, ...]]:
    return None if text is None else tuple(part.strip() for part in text.split(",") if part.strip())


def _number(option: str, text: Optional[str], kind: Callable[[str], Any]) -> Any:
    try:
        return None if text is None else kind(text)
    except ValueError:
        raise SystemExit(f"{option} must be a number, not {text}.") from None
