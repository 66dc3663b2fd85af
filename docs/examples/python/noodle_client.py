"""Noodle's HTTP API for Python programs: one file to copy, standard library only, Python 3.9 or newer.

    from noodle_client import Client

    with Client("http://127.0.0.1:8080", username="admin", password="…") as noodle:
        print(noodle.run("echo", {"hello": "world"}))

Every submission carries an idempotency key, the same through all of its retries, so it makes one job however often the
connection breaks. What may pass (429, 502, 503, 504, a connection that breaks) is tried again after pauses that grow and are
random, no sooner than `Retry-After` says, within the client's `patience`. One client serves many threads, and keeps connections.
"""

from __future__ import annotations

import hashlib
import http.client
import json
import logging
import os
import random
import select
import socket
import ssl
import threading
import time
import uuid
from dataclasses import dataclass, field
from datetime import datetime, timezone
from email.utils import parsedate_to_datetime
from itertools import chain
from typing import Any, Callable, Dict, Iterable, Iterator, List, Mapping, NamedTuple, Optional, Tuple, Type, Union
from urllib.parse import quote, urlencode, urlsplit

__all__ = [
    "Client", "NewJob", "Job", "JobError", "BlobRef", "Outcome", "FieldError", "StateEvent", "ProgressEvent", "LogLine",
    "NoodleError", "ConnectionFailed", "WaitTimeout", "JobFailed", "BatchInterrupted", "ApiError", "InvalidRequest",
    "Unauthorized", "Forbidden", "NotFound", "Conflict", "TooLarge", "Unprocessable", "TooManyRequests", "Unavailable",
]  # fmt: skip

Json = Any
"""What JSON can hold: None, bool, int, float, str, lists and dicts of them."""

TERMINAL_STATES = frozenset({"succeeded", "failed", "cancelled", "expired"})

log = logging.getLogger("noodle")


# ---- what the gateway shows


@dataclass(frozen=True)
class JobError:
    """Why a job failed, was cancelled or lost its nodes; docs/errors.md lists the codes."""

    code: str
    message: str
    attempt: Optional[int] = None


@dataclass(frozen=True)
class BlobRef:
    """Where a large payload or result is kept. `url` is a path of the gateway that needs no token and is good for some minutes."""

    bytes: int
    sha256: str
    url: str


@dataclass(frozen=True)
class Job:
    """A job as the gateway showed it last. `raw` has all that it told, by the names of the API."""

    id: str
    state: str
    task: str
    tier: str
    tenant: str
    priority: int
    payload: Json
    labels: Dict[str, str]
    attempt: int  # starts so far; 0 before the first
    progress: Optional[float]  # 0 to 100, where the task tells
    progress_note: Optional[str]
    result: Json  # None for a large one: Client.result() reads it in any case
    result_ref: Optional[BlobRef]
    error: Optional[JobError]
    node_id: Optional[str]
    replay_of: Optional[str]
    created_at: datetime
    started_at: Optional[datetime]
    finished_at: Optional[datetime]
    warnings: Tuple[str, ...]  # what may keep it from running soon; told at submission
    raw: Dict[str, Any] = field(repr=False, compare=False)

    @property
    def has_ended(self) -> bool:
        return self.state in TERMINAL_STATES


@dataclass(frozen=True)
class StateEvent:
    """A step of a job's timeline: the state that it entered."""

    seq: int
    at: datetime
    state: str
    attempt: Optional[int]
    node_id: Optional[str]
    reason: Optional[str]


@dataclass(frozen=True)
class ProgressEvent:
    """What a running task told of its progress."""

    attempt: int
    progress: float  # 0 to 100
    note: Optional[str]


@dataclass(frozen=True)
class LogLine:
    """A line of a job's log. `id` is a place to go on after; `stream` is stdout, stderr, log or noodle (docs/logs.md)."""

    id: str
    at: datetime
    attempt: int
    seq: int
    stream: str
    text: str


@dataclass(frozen=True)
class NewJob:
    """A submission. What is None is left to the task's defaults; a datetime must know its zone."""

    task: str
    payload: Json = None
    requirement: Optional[str] = None  # light, medium or heavy
    resources: Optional[Mapping[str, float]] = None  # cpu, memoryMb, gpu
    priority: Optional[int] = None  # 0 to 9, 9 first
    run_at: Union[datetime, str, None] = None
    delay_ms: Optional[int] = None
    timeout_ms: Optional[int] = None
    expires_at: Union[datetime, str, None] = None
    retry: Optional[Mapping[str, Any]] = None  # maxAttempts, backoffMs, strategy, escalateTier
    labels: Optional[Mapping[str, str]] = None
    cache_ttl_seconds: Optional[int] = None
    idempotency_key: Optional[str] = None  # a random one by default

    def to_json(self) -> Dict[str, Json]:
        """The body of a submission, without its key."""
        cache = None if self.cache_ttl_seconds is None else {"ttlSeconds": self.cache_ttl_seconds}
        optional = {
            "requirement": self.requirement,
            "resources": self.resources,
            "priority": self.priority,
            "runAt": _instant("run_at", self.run_at),
            "delayMs": self.delay_ms,
            "timeoutMs": self.timeout_ms,
            "expiresAt": _instant("expires_at", self.expires_at),
            "retry": self.retry,
            "labels": self.labels,
            "cache": cache,
        }
        given = {name: value for name, value in optional.items() if value is not None}
        return {"task": self.task, "payload": self.payload, **given}


@dataclass(frozen=True)
class FieldError:
    """A field that is wrong, and why."""

    path: str
    message: str


@dataclass(frozen=True)
class Outcome:
    """What became of a job of `submit_many`: its `id`, or the `code` and `errors` that refused it."""

    index: int
    id: Optional[str] = None
    code: Optional[str] = None
    errors: Tuple[FieldError, ...] = ()


# ---- errors


class NoodleError(Exception):
    """What this client raises."""


class ConnectionFailed(NoodleError):
    """No answer, or not a whole one. Whether the gateway did what it was asked is not known."""


class WaitTimeout(NoodleError, TimeoutError):
    """The job had not ended in the time that was given. It goes on."""


class JobFailed(NoodleError):
    """`run` waited for a job that did not succeed; `job` tells how it ended."""

    def __init__(self, job: Job) -> None:
        why = f": {job.error.code}: {job.error.message}" if job.error else ""
        super().__init__(f"Job {job.id} ({job.task}) has {job.state}{why}")
        self.job = job


class BatchInterrupted(NoodleError):
    """`submit_many` came to no end; `outcomes` is what is known of the jobs before. The cause says why."""

    def __init__(self, outcomes: List[Outcome], cause: BaseException) -> None:
        super().__init__(f"The batch was interrupted after {len(outcomes)} jobs: {cause}")
        self.outcomes = outcomes


class ApiError(NoodleError):
    """A refusal in the gateway's own words (RFC 9457); docs/errors.md lists the codes and what to do about each."""

    def __init__(self, status: int, problem: Mapping[str, Any], retry_after: Optional[float] = None) -> None:
        kind = str(problem.get("type", ""))
        self.status = status
        # A code of docs/errors.md such as job-not-found; http-413 and the like where HTTP itself refuses.
        self.code = kind[len(_ERROR_TYPE) :] if kind.startswith(_ERROR_TYPE) else f"http-{status}"
        self.title = str(problem.get("title") or http.client.responses.get(status, "Error"))
        self.detail = str(problem.get("detail") or f"The gateway answered {status} and did not say why.")
        self.request_id: Optional[str] = problem.get("requestId")
        self.errors = _field_errors(problem.get("errors"))
        self.retry_after = retry_after  # seconds
        fields = "".join(f"\n  {one.path}: {one.message}" for one in self.errors)
        super().__init__(self.detail + fields)


class InvalidRequest(ApiError):
    """400: a field breaks the schema; `errors` names it."""


class Unauthorized(ApiError):
    """401: wrong name or password, or a token that is not valid any more."""


class Forbidden(ApiError):
    """403: the user may not."""


class NotFound(ApiError):
    """404: there is none, or it is another tenant's."""


class Conflict(ApiError):
    """409: the state of the job forbids it."""


class TooLarge(ApiError):
    """413."""


class Unprocessable(ApiError):
    """422: understood but not possible, such as an unknown task or a payload that does not fit it."""


class TooManyRequests(ApiError):
    """429, for longer than the client's patience."""


class Unavailable(ApiError):
    """503, for longer than the client's patience."""


_ERROR_TYPE = "urn:noodle:error:"
_ERRORS: Dict[int, Type[ApiError]] = {
    400: InvalidRequest, 401: Unauthorized, 403: Forbidden, 404: NotFound, 409: Conflict, 413: TooLarge,
    422: Unprocessable, 429: TooManyRequests, 503: Unavailable,
}  # fmt: skip
_PASSING_STATUSES = frozenset({429, 502, 503, 504})
_PASSING_CODES = frozenset({"TOO_MANY", "OVERLOADED", "POSTGRES_UNAVAILABLE", "REDIS_UNAVAILABLE", "BLOBS_UNAVAILABLE"})

# ---- how long and how much

_FIRST_PAUSE, _LONGEST_PAUSE = 0.25, 10.0
"""Seconds; the pause before try n+1 is drawn from 0 to the first doubled n-1 times, at most the longest: full jitter."""
_SILENCE = 45.0
"""Seconds without a word after which a stream counts as broken; the gateway says something every 15 s."""
_IDLE = 50.0
"""Seconds that a connection may lie idle; the gateway closes it after 65."""
_LONGEST_PREFER_WAIT = 60
_BATCH_JOBS, _BATCH_BYTES = 1000, 4_194_304
_UNSET: Any = object()


class Client:
    """
    Talks to one gateway, or to the balancer before several, as one user.

    `token` is an access token or an API key, or a function that gives one and is asked again when that is refused; with `username`
    and `password` the client logs in by itself, and renews its token before it expires. `timeout` (seconds) bounds each try of a
    call, `patience` (seconds) all of them together: for so long it waits for a gateway that is away or overloaded; 0 tries once.
    """

    def __init__(
        self,
        url: str,
        *,
        token: Union[str, Callable[[], str], None] = None,
        username: Optional[str] = None,
        password: Optional[str] = None,
        timeout: float = 30.0,
        patience: float = 60.0,
        ssl_context: Optional[ssl.SSLContext] = None,
    ) -> None:
        if (token is None) == (username is None or password is None):
            raise ValueError("Give either token, or username and password.")
        self.url = url.rstrip("/")
        self._timeout = timeout
        self._patience = patience
        self._closed = threading.Event()
        self._connections = _Connections(self.url, ssl_context)
        self._login: _Login
        if username is not None and password is not None:
            self._login = _PasswordLogin(self._exchange, username, password, timeout)
        else:
            self._login = _TokenLogin(token)

    @classmethod
    def from_environment(cls, **options: Any) -> Client:
        """NOODLE_URL with NOODLE_TOKEN; else the gateway of `npm start`, by the credentials file in NOODLE_HOME (`.noodle`)."""
        url, token = os.environ.get("NOODLE_URL"), os.environ.get("NOODLE_TOKEN")
        if url and token:
            return cls(url, token=token, **options)
        path = os.path.join(os.environ.get("NOODLE_HOME") or ".noodle", "credentials.json")
        try:
            with open(path, encoding="utf-8") as file:
                credentials = json.load(file)
        except OSError as error:
            raise NoodleError(f"{path} is not there; set NOODLE_URL and NOODLE_TOKEN, or NOODLE_HOME.") from error
        # A password is sent only to the gateway that it belongs to.
        if url and urlsplit(url)[:2] != urlsplit(credentials["url"])[:2]:
            raise NoodleError(f"NOODLE_URL is {url}, but NOODLE_TOKEN is not set.")
        login = {"username": credentials["username"], "password": credentials["password"]}
        return cls(url or credentials["url"], **login, **options)

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Ends all connections, those of other threads too: what is under way there raises NoodleError."""
        self._closed.set()
        self._connections.close()

    def logout(self) -> None:
        """Ends the session that the client began with its name and password; its access token lives on until it expires."""
        refresh_token = self._login.forget()
        if refresh_token is not None:
            self._call("POST", "/v1/auth/logout", {"refreshToken": refresh_token})

    # ---- submitting

    def submit(
        self,
        task: str,
        payload: Json = None,
        *,
        requirement: Optional[str] = None,
        resources: Optional[Mapping[str, float]] = None,
        priority: Optional[int] = None,
        run_at: Union[datetime, str, None] = None,
        delay_ms: Optional[int] = None,
        timeout_ms: Optional[int] = None,
        expires_at: Union[datetime, str, None] = None,
        retry: Optional[Mapping[str, Any]] = None,
        labels: Optional[Mapping[str, str]] = None,
        cache_ttl_seconds: Optional[int] = None,
        idempotency_key: Optional[str] = None,
        wait: int = 0,
    ) -> Job:
        """
        Submits a job; it returns when the job is stored for good. The options are those of `NewJob`. With `wait` (seconds, at most
        60) it returns with the ended job, if it ends in that time.
        """
        new = NewJob(
            task, payload, requirement, resources, priority, run_at, delay_ms, timeout_ms, expires_at, retry, labels,
            cache_ttl_seconds, idempotency_key,
        )  # fmt: skip
        return self._submit("/v1/jobs", new.to_json(), new.idempotency_key, wait)

    def run(self, task: str, payload: Json = None, *, timeout: Optional[float] = None, **options: Any) -> Json:
        """Submits a job (with the options of `submit`), waits for it and returns its result. Raises JobFailed, WaitTimeout."""
        deadline = None if timeout is None else time.monotonic() + timeout
        wait = _LONGEST_PREFER_WAIT if timeout is None else max(0, min(_LONGEST_PREFER_WAIT, int(timeout)))
        job = self.submit(task, payload, wait=wait, **options)
        if not job.has_ended:
            job = self.wait(job.id, timeout=None if deadline is None else deadline - time.monotonic())
        if job.state != "succeeded":
            raise JobFailed(job)
        return self.result(job)

    def submit_many(self, jobs: Iterable[NewJob], *, atomic: bool = False) -> List[Outcome]:
        """
        Submits many jobs in few requests, and tells of each what became of it, in their order. A refused job does not hinder the
        others; with `atomic` all are stored or none, in one request (ApiError then names the jobs that are wrong).
        """
        outcomes: List[Outcome] = []
        try:
            for batch in _batches(jobs, None if atomic else _BATCH_JOBS):
                outcomes += self._submit_batch(batch, len(outcomes), atomic)
        except Exception as error:  # of the gateway, or of a job that is no JSON
            if not outcomes:
                raise
            raise BatchInterrupted(outcomes, error) from error
        return outcomes

    def replay(
        self, job_id: str, payload: Json = _UNSET, *, idempotency_key: Optional[str] = None, wait: int = 0
    ) -> Job:
        """Submits an ended job once more, with another payload if one is given, and returns the new job."""
        body = {} if payload is _UNSET else {"payload": payload}
        return self._submit(f"/v1/jobs/{_part(job_id)}/replay", body, idempotency_key, wait)

    # ---- reading

    def get(self, job_id: str) -> Job:
        """The job as it is now. Raises NotFound."""
        return _job(self._call("GET", f"/v1/jobs/{_part(job_id)}"))

    def wait(self, job_id: str, *, timeout: Optional[float] = None) -> Job:
        """Waits until the job has ended, and returns it. Raises WaitTimeout after `timeout` seconds."""
        deadline = None if timeout is None else time.monotonic() + timeout
        while True:
            job = self.get(job_id)
            if job.has_ended:
                return job
            for event in self._events(job_id, 0, deadline):
                if isinstance(event, StateEvent) and event.state in TERMINAL_STATES:
                    break

    def result(self, job: Job) -> Json:
        """The result of a job, read from where it is kept when it is too large to stand in the job."""
        if job.result_ref is None or job.result is not None:
            return job.result
        try:
            data = self._read(job.result_ref.url)
        except Forbidden:  # the link has expired: a fresh view of the job has a fresh one
            fresh = self.get(job.id)
            if fresh.result_ref is None or fresh.result is not None:
                return fresh.result
            data = self._read(fresh.result_ref.url)
        if hashlib.sha256(data).hexdigest() != job.result_ref.sha256:
            raise NoodleError(f"The result of job {job.id} does not have its checksum.")
        return json.loads(data)

    def events(self, job_id: str, *, after: int = 0) -> Iterator[Union[StateEvent, ProgressEvent]]:
        """
        A job's timeline, live until it has ended, and its progress. A stream that breaks is taken up where it was: no state is
        missing and none told twice. `after` is the `seq` of the last one that is known.
        """
        return self._events(job_id, after, None)

    def logs(
        self,
        job_id: str,
        *,
        follow: bool = False,
        after: Optional[str] = None,
        tail: Optional[int] = None,
        attempt: Optional[int] = None,
    ) -> Iterator[LogLine]:
        """
        A job's log: the lines so far, or with `follow` until the job has ended, also over connections that break, none missing and
        none twice. `after` is the id of the last line that is known; `tail` begins so many lines before the end.
        """
        path = f"/v1/jobs/{_part(job_id)}/logs"
        query = {"attempt": attempt, "tail": tail if after is None else None}
        if not follow:
            for page in self._pages(path, query, cursor=after):
                yield from map(_log_line, page)
            return
        for event in self._follow(path, query, after, None):
            if event is None:
                continue  # the stream ended early and is opened again
            if event.name == "end":
                return
            if event.name == "lines":
                yield from _log_lines(json.loads(event.data))

    def jobs(
        self,
        *,
        state: Union[str, Iterable[str], None] = None,
        task: Union[str, Iterable[str], None] = None,
        tier: Union[str, Iterable[str], None] = None,
        labels: Optional[Mapping[str, str]] = None,
        created_after: Union[datetime, str, None] = None,
        created_before: Union[datetime, str, None] = None,
        q: Optional[str] = None,
    ) -> Iterator[Job]:
        """Jobs, newest first, page by page as they are asked for. `q` is text in payload, error or labels."""
        query = {
            "state": _several(state),
            "task": _several(task),
            "tier": _several(tier),
            "label": [f"{name}:{value}" for name, value in (labels or {}).items()],
            "createdAfter": _instant("created_after", created_after),
            "createdBefore": _instant("created_before", created_before),
            "q": q,
        }
        return map(_job, chain.from_iterable(self._pages("/v1/jobs", query)))

    def tasks(self) -> Iterator[Dict[str, Json]]:
        """The catalogue: what nodes offer, with JSON Schemas."""
        return chain.from_iterable(self._pages("/v1/tasks", None))

    def tiers(self) -> Iterator[Dict[str, Json]]:
        """The tiers with their jobs and nodes."""
        return chain.from_iterable(self._pages("/v1/tiers", None))

    def nodes(self) -> Iterator[Dict[str, Json]]:
        """The worker nodes."""
        return chain.from_iterable(self._pages("/v1/nodes", None))

    def artifacts(self, job_id: str, *, attempt: Optional[int] = None) -> Iterator[Dict[str, Json]]:
        """The files that an attempt left, by default the newest that has ended: name, bytes, sha256, contentType, url."""
        return chain.from_iterable(self._pages(f"/v1/jobs/{_part(job_id)}/artifacts", {"attempt": attempt}))

    def artifact(self, job_id: str, name: str, *, attempt: Optional[int] = None) -> bytes:
        """The content of an artifact."""
        return self._read(f"/v1/jobs/{_part(job_id)}/artifacts/{quote(name)}{_query({'attempt': attempt})}")

    # ---- changing

    def cancel(self, job_id: str) -> Job:
        """
        Cancels a job: at once when it has not started; a running one is told to stop, and is shown as it is now. Raises Conflict
        when it had ended otherwise.
        """
        return _job(self._call("POST", f"/v1/jobs/{_part(job_id)}/cancel", {}))

    # ---- how a call is made

    def _submit(self, path: str, body: Json, key: Optional[str], wait: int) -> Job:
        headers = {"Idempotency-Key": key or _new_key()}
        if wait:
            headers["Prefer"] = f"wait={wait}"
        return _job(self._call("POST", path, body, headers=headers, timeout=self._timeout + wait))

    def _submit_batch(self, batch: List[Dict[str, Json]], first: int, atomic: bool) -> List[Outcome]:
        """Sends items until each is accepted, or refused for good; half as many at once when the gateway finds them too many."""
        try:
            path = "/v1/jobs/batch" + ("?atomic=true" if atomic else "")
            answer = self._call("POST", path, {"jobs": batch})
        except (TooLarge, InvalidRequest) as error:
            is_size = isinstance(error, TooLarge) or any(one.path == "jobs" for one in error.errors)
            if not is_size or atomic or len(batch) < 2:
                raise
            half = len(batch) // 2
            return self._submit_batch(batch[:half], first, False) + self._submit_batch(batch[half:], first + half, False)
        results: Dict[int, Dict[str, Any]] = {one["index"]: one for one in answer["results"]}
        patience = self._new_patience()
        while passing := [index for index in sorted(results) if results[index].get("code") in _PASSING_CODES]:
            try:
                patience.wait(_item_refusal(results[passing[0]]))
                again = self._call("POST", "/v1/jobs/batch", {"jobs": [batch[index] for index in passing]})
            except (ConnectionFailed, ApiError):
                break  # then that is what became of them, and the others are not to be forgotten
            for one in again["results"]:
                index = passing[one["index"]]
                results[index] = {**one, "index": index}
        return [_outcome(first, results[index]) for index in sorted(results)]

    def _pages(self, path: str, query: Any, cursor: Optional[str] = None) -> Iterator[List[Json]]:
        """Pages of a list. `tail` holds for the first only, as from there on the cursor says where."""
        takes_limit = query is not None
        while True:
            page_query = {**(query or {}), "limit": 200, "cursor": cursor} if takes_limit else {}
            if cursor is not None:
                page_query.pop("tail", None)
            page = self._call("GET", path + _query(page_query))
            yield page["items"]
            cursor = page.get("nextCursor")
            if cursor is None:
                return

    def _call(
        self,
        method: str,
        path: str,
        body: Json = None,
        *,
        headers: Optional[Mapping[str, str]] = None,
        timeout: Optional[float] = None,
    ) -> Any:
        """A call with JSON. All calls may be repeated: reads, cancels, and submissions by their key."""
        data = None if body is None else json.dumps(body, ensure_ascii=False, allow_nan=False).encode()
        answer = self._insist(method, path, data, headers or {}, timeout or self._timeout)
        if not answer.body:
            return None
        if "json" not in answer.content_type:
            raise NoodleError(f"What answers at {self.url} is not Noodle's gateway; check the URL.")
        return json.loads(answer.body)

    def _read(self, path: str) -> bytes:
        return self._insist("GET", path, None, {}, self._timeout).body

    def _insist(
        self, method: str, path: str, data: Optional[bytes], headers: Mapping[str, str], timeout: float
    ) -> _Answer:
        patience = self._new_patience()
        refused: Optional[str] = None
        while True:
            try:
                bearer = self._login.token(refused)
                answer = self._exchange(method, path, data, {**headers, "Authorization": f"Bearer {bearer}"}, timeout)
                if answer.status < 300:
                    return answer
                raise _refusal(answer)
            except Unauthorized as error:
                if refused is not None or error.code != "bad-token" or not self._login.may_renew:
                    raise
                refused = bearer
            except (ConnectionFailed, ApiError) as error:
                if isinstance(error, ApiError) and error.status not in _PASSING_STATUSES:
                    raise
                patience.wait(error)

    def _exchange(
        self, method: str, path: str, data: Optional[bytes], headers: Mapping[str, str], timeout: float
    ) -> _Answer:
        """One try. Raises ConnectionFailed; refusals are answers here."""
        sent = {"Accept": "application/json", "User-Agent": "noodle-client-python/1", **headers}
        if data is not None:
            sent["Content-Type"] = "application/json"
        self._refuse_when_closed()
        return self._connections.exchange(method, path, data, sent, timeout)

    # ---- streams

    def _events(
        self, job_id: str, after: int, deadline: Optional[float]
    ) -> Iterator[Union[StateEvent, ProgressEvent]]:
        told: Optional[ProgressEvent] = None
        for event in self._follow(f"/v1/jobs/{_part(job_id)}/events", None, str(after) if after else None, deadline):
            if event is None:  # the stream ended: the job has too, or the gateway stops
                if self.get(job_id).has_ended and not self._has_events(job_id, after):
                    return
                continue
            data = json.loads(event.data)
            if event.name == "state":
                state = _state_event(data)
                after = state.seq
                yield state
                if state.state in TERMINAL_STATES:
                    return
            elif event.name == "progress":
                progress = ProgressEvent(data["attempt"], data["progress"], data.get("note"))
                if progress != told:  # a stream that is taken up tells the newest once more
                    told = progress
                    yield progress

    def _has_events(self, job_id: str, after: int) -> bool:
        timeline = self._call("GET", f"/v1/jobs/{_part(job_id)}/events")["items"]
        return any(one["seq"] > after for one in timeline)

    def _follow(
        self, path: str, query: Any, last_id: Optional[str], deadline: Optional[float]
    ) -> Iterator[Optional[_ServerEvent]]:
        """Events of a stream, which is opened again after the last one whenever it breaks; None where it ended. Never ends itself."""
        patience = self._new_patience(deadline)
        refused: Optional[str] = None
        while True:
            try:
                bearer = self._login.token(refused)
                headers = {"Accept": "text/event-stream", "Authorization": f"Bearer {bearer}", "Cache-Control": "no-store"}
                if last_id is not None:
                    headers["Last-Event-ID"] = last_id
                self._refuse_when_closed()
                for event in self._connections.stream(path + _query(query or {}), headers, self._timeout, deadline):
                    patience.renew()
                    refused = None
                    if event is None:
                        continue  # a sign of life
                    if event.id is not None:
                        last_id = event.id
                    yield event
                yield None
                patience.wait(ConnectionFailed(f"{self.url} ends the stream again and again before it is over."))
            except Unauthorized as error:
                if refused is not None or error.code != "bad-token" or not self._login.may_renew:
                    raise
                refused = bearer
            except (ConnectionFailed, ApiError) as error:
                if isinstance(error, ApiError) and error.status not in _PASSING_STATUSES:
                    raise
                patience.wait(error)

    def _new_patience(self, deadline: Optional[float] = None) -> _Patience:
        return _Patience(self._patience, self._closed, deadline)

    def _refuse_when_closed(self) -> None:
        if self._closed.is_set():
            raise NoodleError("The client is closed.")


# ---- patience


class _Patience:
    """The pauses between tries of one call: full jitter, no shorter than asked for, and an end."""

    def __init__(self, seconds: float, closed: threading.Event, deadline: Optional[float]) -> None:
        self._seconds = seconds
        self._closed = closed
        self._deadline = deadline
        self.renew()

    def renew(self) -> None:
        """It went on meanwhile: the time begins anew."""
        self._tries = 0
        self._until = time.monotonic() + self._seconds

    def wait(self, error: NoodleError) -> None:
        """Sleeps before the next try. Raises `error` when patience would not last, WaitTimeout at the caller's deadline."""
        now = time.monotonic()
        asked = error.retry_after if isinstance(error, ApiError) and error.retry_after else 0.0
        # Added to what is asked for, so that those who were sent away together do not come back together.
        pause = asked + random.uniform(0, min(_LONGEST_PAUSE, _FIRST_PAUSE * 2**self._tries))
        self._tries = min(self._tries + 1, 30)
        if now + pause > self._until:
            raise error
        if self._deadline is not None and now + pause > self._deadline:
            raise WaitTimeout("The job had not ended in the time that was given.") from error
        log.log(logging.WARNING if self._tries == 4 else logging.DEBUG, "trying again in %.1f s: %s", pause, error)
        if self._closed.wait(pause):
            raise NoodleError("The client is closed.") from error


# ---- tokens


class _Login:
    """Where tokens come from; `refused` is one that was not accepted."""

    may_renew = True

    def token(self, refused: Optional[str]) -> str:
        raise NotImplementedError

    def forget(self) -> Optional[str]:
        """The refresh token, if there is one, which is not used here any more."""
        return None


class _TokenLogin(_Login):
    def __init__(self, token: Union[str, Callable[[], str], None]) -> None:
        self._source = token if callable(token) else None
        self._token = None if callable(token) else token
        self._lock = threading.Lock()
        self.may_renew = self._source is not None

    def token(self, refused: Optional[str]) -> str:
        with self._lock:
            if self._source is not None and (self._token is None or self._token == refused):
                self._token = self._source()
            return str(self._token)


class _PasswordLogin(_Login):
    """Logs in, and spends the refresh token when the access token nears its end. One thread does, the others wait for it."""

    def __init__(self, exchange: Callable[..., _Answer], username: str, password: str, timeout: float) -> None:
        self._exchange = exchange
        self._login = {"username": username, "password": password}
        self._timeout = timeout
        self._lock = threading.Lock()
        self._access: Optional[str] = None
        self._refresh: Optional[str] = None
        self._renew_at = 0.0

    def token(self, refused: Optional[str]) -> str:
        with self._lock:
            if self._access is None or self._access == refused or time.monotonic() > self._renew_at:
                self._renew()
            assert self._access is not None
            return self._access

    def _renew(self) -> None:
        spent, self._access, self._refresh = self._refresh, None, None
        if spent is not None:
            try:
                self._take(self._ask("/v1/auth/refresh", {"refreshToken": spent}))
                return
            except (ConnectionFailed, ApiError) as error:
                # It may be spent by now, and a second use would end the session: the password begins another one.
                log.debug("the refresh token was not accepted: %s", error)
        self._take(self._ask("/v1/auth/token", self._login))

    def forget(self) -> Optional[str]:
        with self._lock:
            refresh, self._refresh = self._refresh, None
            return refresh

    def _ask(self, path: str, body: Json) -> Dict[str, Any]:
        answer = self._exchange("POST", path, json.dumps(body).encode(), {}, self._timeout)
        if answer.status != 200:
            raise _refusal(answer)
        pair: Dict[str, Any] = json.loads(answer.body)
        return pair

    def _take(self, pair: Dict[str, Any]) -> None:
        self._access, self._refresh = pair["accessToken"], pair["refreshToken"]
        life = float(pair["expiresIn"])
        self._renew_at = time.monotonic() + life - min(60.0, life / 5)


# ---- connections


class _Answer(NamedTuple):
    status: int
    content_type: str
    retry_after: Optional[float]
    request_id: Optional[str]
    body: bytes


class _ServerEvent(NamedTuple):
    id: Optional[str]
    name: str
    data: str


class _Connections:
    """Connections to one server that are kept and used again. A call or a stream has one to itself."""

    def __init__(self, url: str, context: Optional[ssl.SSLContext]) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError(f"{url} is no URL of a gateway, such as http://127.0.0.1:8080.")
        self._url = url
        self._host, self._port, self._prefix = parts.hostname, parts.port, parts.path
        self._context = (context or ssl.create_default_context()) if parts.scheme == "https" else None
        self._lock = threading.Lock()
        self._idle: List[Tuple[http.client.HTTPConnection, float]] = []
        self._busy: Dict[int, socket.socket] = {}
        self._pid = os.getpid()

    def exchange(
        self, method: str, path: str, data: Optional[bytes], headers: Mapping[str, str], timeout: float
    ) -> _Answer:
        deadline = time.monotonic() + timeout
        connection = self._take(timeout)
        try:
            response, sock = self._send(connection, method, path, data, headers, deadline)
            body = self._read(response, sock, deadline)
        except (OSError, http.client.HTTPException) as error:
            self._drop(connection)
            raise self._failure(error, timeout) from error
        except BaseException:  # such as KeyboardInterrupt: what comes next on it would be another call's
            self._drop(connection)
            raise
        self._give_back(connection, reusable=not response.will_close)
        return _answer(response, body)

    def stream(
        self, path: str, headers: Mapping[str, str], timeout: float, deadline: Optional[float]
    ) -> Iterator[Optional[_ServerEvent]]:
        """Server-sent events as they come, None for signs of life, until the server ends it. Raises ConnectionFailed, ApiError, WaitTimeout."""
        connection = self._take(timeout)
        response: Optional[http.client.HTTPResponse] = None
        try:
            until = time.monotonic() + timeout
            response, sock = self._send(connection, "GET", path, None, headers, until)
            if response.status != 200:
                raise _refusal(_answer(response, self._read(response, sock, until)))
            parser = _EventParser()
            while True:
                now = time.monotonic()
                if deadline is not None and now >= deadline:
                    raise WaitTimeout("The job had not ended in the time that was given.")
                sock.settimeout(_SILENCE if deadline is None else min(_SILENCE, deadline - now))
                try:
                    piece = response.read1(65_536)
                except socket.timeout as error:
                    if deadline is not None and time.monotonic() >= deadline:
                        continue
                    raise ConnectionFailed(f"{self._url} said nothing for {_SILENCE:.0f} s.") from error
                if not piece:
                    return
                yield None
                yield from parser.feed(piece)
        except (OSError, http.client.HTTPException) as error:
            raise self._failure(error, timeout) from error
        finally:
            if response is not None:
                response.close()
            self._drop(connection)

    def close(self) -> None:
        with self._lock:
            idle, self._idle = self._idle, []
            busy = list(self._busy.values())
        for connection, _ in idle:
            connection.close()
        for sock in busy:
            try:
                sock.shutdown(socket.SHUT_RDWR)  # whoever reads from it wakes up
            except OSError:
                pass

    def _take(self, timeout: float) -> http.client.HTTPConnection:
        with self._lock:
            if self._pid != os.getpid():  # a fork: the parent goes on with its connections
                self._pid, self._idle, self._busy = os.getpid(), [], {}
            while self._idle:
                connection, since = self._idle.pop()
                if time.monotonic() - since < _IDLE and not _was_closed(connection):
                    return connection
                connection.close()
        if self._context is None:
            return http.client.HTTPConnection(self._host, self._port, timeout=timeout)
        return http.client.HTTPSConnection(self._host, self._port, timeout=timeout, context=self._context)

    def _send(
        self,
        connection: http.client.HTTPConnection,
        method: str,
        path: str,
        data: Optional[bytes],
        headers: Mapping[str, str],
        deadline: float,
    ) -> Tuple[http.client.HTTPResponse, socket.socket]:
        if connection.sock is None:
            connection.connect()
        sock = connection.sock
        assert sock is not None
        with self._lock:
            self._busy[id(connection)] = sock
        sock.settimeout(_left(deadline))
        try:
            connection.request(method, self._prefix + path, data, dict(headers))
        except (BrokenPipeError, ConnectionResetError):
            pass  # it may have refused the body before reading all of it, and said so
        sock.settimeout(_left(deadline))
        return connection.getresponse(), sock

    def _read(self, response: http.client.HTTPResponse, sock: socket.socket, deadline: float) -> bytes:
        pieces = []
        while not response.isclosed():
            sock.settimeout(_left(deadline))
            # read1 does not count what is left of a known length (before Python 3.12).
            pieces.append(response.read(65_536) if response.length is not None else response.read1(65_536))
            if not pieces[-1]:
                break
        body = b"".join(pieces)
        if response.length:
            raise http.client.IncompleteRead(body, response.length)
        return body

    def _give_back(self, connection: http.client.HTTPConnection, reusable: bool) -> None:
        with self._lock:
            self._busy.pop(id(connection), None)
            if reusable and self._pid == os.getpid():
                self._idle.append((connection, time.monotonic()))
                return
        connection.close()

    def _drop(self, connection: http.client.HTTPConnection) -> None:
        self._give_back(connection, reusable=False)

    def _failure(self, error: Exception, timeout: float) -> NoodleError:
        if isinstance(error, (ssl.SSLCertVerificationError, http.client.InvalidURL)):
            return NoodleError(f"{self._url} can not be called: {error}")  # no patience helps
        if isinstance(error, socket.timeout):
            return ConnectionFailed(f"{self._url} did not answer within {timeout:g} s.")
        return ConnectionFailed(f"{self._url} gave no whole answer: {error or type(error).__name__}")


class _EventParser:
    """Server-sent events (WHATWG HTML, 9.2.6) out of pieces of a stream."""

    def __init__(self) -> None:
        self._open = b""
        self._id: Optional[str] = None
        self._name = "message"
        self._data: List[str] = []

    def feed(self, piece: bytes) -> Iterator[_ServerEvent]:
        lines = (self._open + piece).split(b"\n")
        self._open = lines.pop()
        for line in lines:
            text = line.rstrip(b"\r").decode("utf-8", "replace")
            if not text:
                event = _ServerEvent(self._id, self._name, "\n".join(self._data))
                has_data, self._id, self._name, self._data = bool(self._data), None, "message", []
                if has_data:
                    yield event
                continue
            name, _, value = text.partition(":")
            value = value[1:] if value.startswith(" ") else value
            if name == "id":
                self._id = value
            elif name == "event":
                self._name = value
            elif name == "data":
                self._data.append(value)


def _was_closed(connection: http.client.HTTPConnection) -> bool:
    """True when the server has ended an idle connection: nothing else makes it readable."""
    try:
        return bool(connection.sock is None or select.select([connection.sock], [], [], 0)[0])
    except (OSError, ValueError):
        return True


def _left(deadline: float) -> float:
    left = deadline - time.monotonic()
    if left <= 0:
        raise socket.timeout("timed out")
    return left


def _answer(response: http.client.HTTPResponse, body: bytes) -> _Answer:
    headers = response.headers
    return _Answer(
        response.status,
        headers.get("Content-Type", ""),
        _retry_after(headers.get("Retry-After")),
        headers.get("X-Request-Id"),
        body,
    )


def _retry_after(header: Optional[str]) -> Optional[float]:
    """Seconds; the header has them, or a date (RFC 9110, 10.2.3)."""
    if header is None:
        return None
    if header.strip().isdigit():
        return float(header)
    try:
        at = parsedate_to_datetime(header)
    except (TypeError, ValueError):
        return None
    return max(0.0, (at - datetime.now(timezone.utc)).total_seconds()) if at.tzinfo else None


def _refusal(answer: _Answer) -> ApiError:
    problem: Any = None
    if "json" in answer.content_type:
        try:
            problem = json.loads(answer.body)
        except ValueError:
            pass  # what stands between may answer without a problem document
    told = {"requestId": answer.request_id, **(problem if isinstance(problem, dict) else {})}
    return _ERRORS.get(answer.status, ApiError)(answer.status, told, answer.retry_after)


# ---- JSON to Python and back


def _job(raw: Dict[str, Any]) -> Job:
    error, ref = raw.get("error"), raw.get("resultRef")
    return Job(
        id=raw["id"],
        state=raw["state"],
        task=raw["task"],
        tier=raw["tier"],
        tenant=raw["tenant"],
        priority=raw["priority"],
        payload=raw.get("payload"),
        labels=raw.get("labels") or {},
        attempt=raw["attempt"],
        progress=raw.get("progress"),
        progress_note=raw.get("progressNote"),
        result=raw.get("result"),
        result_ref=BlobRef(ref["bytes"], ref["sha256"], ref["url"]) if ref else None,
        error=JobError(error["code"], error["message"], error.get("attempt")) if error else None,
        node_id=raw.get("nodeId"),
        replay_of=raw.get("replayOf"),
        created_at=_time(raw["createdAt"]),
        started_at=_time(raw["startedAt"]) if raw.get("startedAt") else None,
        finished_at=_time(raw["finishedAt"]) if raw.get("finishedAt") else None,
        warnings=tuple(raw.get("warnings") or ()),
        raw=raw,
    )


def _state_event(raw: Dict[str, Any]) -> StateEvent:
    return StateEvent(
        raw["seq"], _time(raw["at"]), raw["state"], raw.get("attempt"), raw.get("nodeId"), raw.get("reason")
    )


def _log_line(raw: Dict[str, Any]) -> LogLine:
    return LogLine(raw["id"], _time(raw["at"]), raw["attempt"], raw["seq"], raw["stream"], raw["text"])


def _log_lines(event: Dict[str, Any]) -> Iterator[LogLine]:
    attempt = event["attempt"]
    for seq, line in enumerate(event["lines"], event["firstSeq"]):
        yield LogLine(f"{attempt}-{seq}", _time(line["at"]), attempt, seq, line["stream"], line["text"])


def _item_refusal(raw: Dict[str, Any]) -> ApiError:
    problem = {"type": _ERROR_TYPE + _code(raw["code"]), "detail": raw["errors"][0]["message"]}
    return Unavailable(503, problem)


def _outcome(first: int, raw: Dict[str, Any]) -> Outcome:
    index = first + raw["index"]
    if "id" in raw:
        return Outcome(index, id=raw["id"])
    return Outcome(index, code=_code(raw["code"]), errors=_field_errors(raw["errors"]))


def _code(name: str) -> str:
    """Batches name codes as the source does, problems as docs/errors.md does."""
    return name.lower().replace("_", "-")


def _field_errors(raw: Any) -> Tuple[FieldError, ...]:
    return tuple(FieldError(str(one.get("path", "")), str(one.get("message", ""))) for one in raw or ())


def _batches(jobs: Iterable[NewJob], most: Optional[int]) -> Iterator[List[Dict[str, Json]]]:
    """Items with their keys, so many at once that a request is neither too large nor too long to repeat; None for all."""
    batch: List[Dict[str, Json]] = []
    size = 0
    for job in jobs:
        item = {**job.to_json(), "idempotencyKey": job.idempotency_key or _new_key()}
        length = len(json.dumps(item, allow_nan=False)) if most is not None else 0
        if batch and most is not None and (len(batch) >= most or size + length > _BATCH_BYTES):
            yield batch
            batch, size = [], 0
        batch.append(item)
        size += length
    if batch:
        yield batch


def _new_key() -> str:
    return str(uuid.uuid4())


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text.replace("Z", "+00:00"))  # before 3.11 it does not know Z


def _instant(name: str, at: Union[datetime, str, None]) -> Optional[str]:
    if not isinstance(at, datetime):
        return at
    if at.tzinfo is None:
        raise ValueError(f"{name} has no time zone; use datetime.now(timezone.utc) or astimezone().")
    return at.isoformat()


def _several(value: Union[str, Iterable[str], None]) -> Optional[str]:
    return value if value is None or isinstance(value, str) else ",".join(value)


def _part(text: str) -> str:
    return quote(text, safe="")


def _query(values: Mapping[str, Any]) -> str:
    given = {name: value for name, value in values.items() if value is not None and value != []}
    return "?" + urlencode(given, doseq=True) if given else ""
