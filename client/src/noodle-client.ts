import type {
  Artifact,
  AuditEntry,
  BlobRef,
  Job,
  JobEvent,
  LogLine,
  Node,
  Readiness,
  Task,
  ResourceAdvice,
  Scaling,
  ScalingChange,
  Tier,
} from './contract.ts'
import type { LogOptions, NoodleClientOptions, WaitOptions } from './client-options.ts'
import { startDeadline } from './deadline.ts'
import { download, downloadBytes } from './download.ts'
import { checkIdempotencyKey, newIdempotencyKey } from './idempotency-key.ts'
import { followJob, followLog, type JobStreamEvent } from './job-streams.ts'
import { type Listing, makeListing } from './listing.ts'
import { readResult } from './read-result.ts'
import { toRetryPolicy } from './retry.ts'
import { makeSecrets, type Secrets } from './secrets.ts'
import type {
  AnyTasks,
  BatchItem,
  CallOptions,
  JobFilter,
  JobOf,
  SendOptions,
  SubmitArguments,
  TaskMap,
  TaskName,
} from './submission.ts'
import { type SubmitAnswer, submitMany, type SubmitManyOptions } from './submit-many.ts'
import { type Call, makeTransport, type Query, type Transport } from './transport.ts'
import { makeUsers, type Users } from './users.ts'
import { makeWaiting } from './wait-for-end.ts'

export type { LogOptions, NoodleClientOptions, WaitOptions } from './client-options.ts'
export type * from './contract.ts'
export type { CredentialOptions, TokenSource } from './credentials.ts'
export type { JobStreamEvent } from './job-streams.ts'
export type { Listing, PageOptions } from './listing.ts'
export { NoodleError } from './noodle-error.ts'
export type { RetryOptions } from './retry.ts'
export type { Secrets } from './secrets.ts'
export type {
  AnyTasks,
  BatchItem,
  CallOptions,
  JobFilter,
  JobOf,
  JobOptions,
  SendOptions,
  SubmitArguments,
  SubmitOptions,
  TaskMap,
  TaskName,
} from './submission.ts'
export type { SubmitAnswer, SubmitManyOptions } from './submit-many.ts'
export type { Fetch } from './transport.ts'
export type { NewUser, UserChange, Users } from './users.ts'
export { hasEnded } from './wait-for-end.ts'

/**
 * A gateway, as seen by one user. `Tasks` names the tasks with their payloads and results, so that the compiler checks submissions; `noodle tasks
 * types` writes it. All calls throw NoodleError for a refusal and where no answer comes, and the reason of a signal that aborts.
 */
export class NoodleClient<Tasks extends TaskMap<Tasks> = AnyTasks> {
  /** Secrets for tasks. */
  readonly secrets: Secrets
  /** For admins. */
  readonly users: Users
  readonly #transport: Transport
  readonly #newKey: () => string
  readonly #waitForEnd: ReturnType<typeof makeWaiting>
  readonly #timeoutMs: number

  /** @throws TypeError, RangeError for options that can't be */
  constructor(options: NoodleClientOptions) {
    const { fetch: given, retry, timeoutMs = 30_000, newIdempotencyKey: newKey = newIdempotencyKey } = options
    this.#timeoutMs = timeoutMs
    this.#newKey = newKey
    this.#transport = makeTransport({
      ...options,
      fetch: given ?? ((...args) => fetch(...args)), // browsers want it called as a global
      retry: toRetryPolicy(retry),
      timeoutMs,
    })
    this.#waitForEnd = makeWaiting(this.#transport, (id, signal) => this.#readJob(id, signal))
    this.secrets = makeSecrets(this.#transport)
    this.users = makeUsers(this.#transport)
  }

  /** Submits a job: stored for good when this resolves, and there once, however often it had to be sent. */
  async submit<Name extends TaskName<Tasks>>(
    task: Name,
    ...[payload, options = {}]: SubmitArguments<Tasks[Name]['payload']>
  ): Promise<JobOf<Tasks, Name>> {
    const { idempotencyKey, waitSeconds, signal, ...fields } = options
    return this.#send('/v1/jobs', { task, payload, ...fields }, { idempotencyKey, waitSeconds, signal })
  }

  /** Submits jobs as they come, many in a request; an answer for each, in their order. A job that is refused keeps no other one out. */
  submitMany(
    jobs: Iterable<BatchItem<Tasks>> | AsyncIterable<BatchItem<Tasks>>,
    options: SubmitManyOptions = {},
  ): AsyncGenerator<SubmitAnswer, void, undefined> {
    return submitMany(this.#transport, jobs, this.#newKey, options)
  }

  /** Submits a job that has ended once more, as a new one; `payload` in place of the old one. */
  async replay<Name extends TaskName<Tasks> = TaskName<Tasks>>(
    id: string,
    options: SendOptions & { payload?: Tasks[Name]['payload'] } = {},
  ): Promise<JobOf<Tasks, Name>> {
    const { payload, ...send } = options
    return this.#send(`${pathOf(id)}/replay`, payload === undefined ? {} : { payload }, send)
  }

  get<Name extends TaskName<Tasks> = TaskName<Tasks>>(
    id: string,
    { signal }: CallOptions = {},
  ): Promise<JobOf<Tasks, Name>> {
    return this.#readJob(id, signal) as Promise<JobOf<Tasks, Name>>
  }

  /** The job when it has ended, however it ended. */
  wait<One extends Job = JobOf<Tasks>>(
    job: One | string,
    { timeoutMs, signal }: WaitOptions = {},
  ): Promise<One> {
    const id = typeof job === 'string' ? job : job.id
    if (timeoutMs === undefined) return this.#waitForEnd(id, signal) as Promise<One>
    const deadline = startDeadline(timeoutMs, signal)
    return this.#waitForEnd(id, deadline.signal).finally(() => deadline.clear()) as Promise<One>
  }

  /** Its result, also where that is kept as a blob. @throws NoodleError `job-not-succeeded` when it has none */
  result<Result>(job: Job<string, unknown, Result> | string, { signal }: CallOptions = {}): Promise<Result> {
    return readResult(this.#transport, job, (id) => this.#readJob(id, signal), signal) as Promise<Result>
  }

  /** Cancels: at once what has not started; what runs is told to stop, and has `cancelRequestedAt` then. */
  cancel(id: string, { signal }: CallOptions = {}): Promise<JobOf<Tasks>> {
    return this.#json({ method: 'POST', path: `${pathOf(id)}/cancel`, isRepeatable: true, signal })
  }

  /** Jobs, newest first. */
  list(filter: JobFilter = {}, options: CallOptions = {}): Listing<JobOf<Tasks>> {
    const { state, task, tier, labels, ...rest } = filter
    const several = (one: string | readonly string[] | undefined) =>
      one === undefined ? undefined : [one].flat().join(',')
    const label = labels && Object.entries(labels).map(([key, value]) => `${key}:${value}`)
    const query = { ...rest, state: several(state), task: several(task), tier: several(tier), label }
    return this.#list('/v1/jobs', query, options)
  }

  /** What happens to a job, from its beginning until it ends: states, and progress where the task tells. */
  events(
    id: string,
    { after, signal }: CallOptions & { after?: number } = {},
  ): AsyncGenerator<JobStreamEvent, void, undefined> {
    return followJob(this.#transport, `${pathOf(id)}/events`, after, signal)
  }

  /** What has happened to a job so far. */
  async timeline(id: string, { signal }: CallOptions = {}): Promise<JobEvent[]> {
    const { items } = await this.#get<{ items: JobEvent[] }>(`${pathOf(id)}/events`, signal)
    return items
  }

  /** The lines of its log as they come, until it ends. */
  logs(id: string, options: LogOptions = {}): AsyncGenerator<LogLine, void, undefined> {
    const { tail, attempt, after, signal } = options
    return followLog(this.#transport, `${pathOf(id)}/logs`, { query: { tail, attempt }, after, signal })
  }

  /** The lines that its log has now. */
  logLines(id: string, options: LogOptions = {}): Listing<LogLine> {
    const { tail, attempt, after, signal } = options
    return this.#list(`${pathOf(id)}/logs`, { tail, attempt, cursor: after }, { signal })
  }

  /** The files that a job left: of the newest attempt that has ended, unless another is named. */
  artifacts(id: string, { attempt, signal }: CallOptions & { attempt?: number } = {}): Listing<Artifact> {
    return this.#list(`${pathOf(id)}/artifacts`, { attempt }, { signal })
  }

  /** An artifact, or a payload or result that is kept as a blob, piece by piece; it goes on where a connection broke. */
  download(ref: BlobRef, options: CallOptions = {}): AsyncGenerator<Uint8Array, void, undefined> {
    return download(this.#transport, ref, options)
  }

  /** The same in memory, held against its checksum. */
  downloadBytes(ref: BlobRef, options: CallOptions = {}): Promise<Uint8Array<ArrayBuffer>> {
    return downloadBytes(this.#transport, ref, options)
  }

  /** All tasks: what is built in, and what nodes offer or have offered. */
  async tasks({ signal }: CallOptions = {}): Promise<Task[]> {
    return (await this.#get<{ items: Task[] }>('/v1/tasks', signal)).items
  }

  task(name: string, { signal }: CallOptions = {}): Promise<Task> {
    return this.#get(`/v1/tasks/${encodeURIComponent(name)}`, signal)
  }

  /** From the smallest. */
  async tiers({ signal }: CallOptions = {}): Promise<Tier[]> {
    return (await this.#get<{ items: Tier[] }>('/v1/tiers', signal)).items
  }

  tier(name: string, { signal }: CallOptions = {}): Promise<Tier> {
    return this.#get(`/v1/tiers/${encodeURIComponent(name)}`, signal)
  }

  /** How a tier is scaled, and what was decided why. */
  scaling(tier: string, { signal }: CallOptions = {}): Promise<Scaling> {
    return this.#get(`/v1/tiers/${encodeURIComponent(tier)}/scaling`, signal)
  }

  changeScaling(tier: string, change: ScalingChange, { signal }: CallOptions = {}): Promise<Scaling> {
    const path = `/v1/tiers/${encodeURIComponent(tier)}/scaling`
    return this.#json({ method: 'PATCH', path, body: change, isRepeatable: true, signal })
  }

  /** What the jobs of a tier should ask for, by what they have used. */
  async advice(tier: string, { signal }: CallOptions = {}): Promise<ResourceAdvice[]> {
    const path = `/v1/tiers/${encodeURIComponent(tier)}/advice`
    return (await this.#get<{ items: ResourceAdvice[] }>(path, signal)).items
  }

  /** Live ones, and those that ended in the last hour. */
  nodes(options: CallOptions = {}): Listing<Node> {
    return this.#list('/v1/nodes', {}, options)
  }

  /** Tells a node to take no more jobs. */
  drain(id: string, { signal }: CallOptions = {}): Promise<Node> {
    const path = `/v1/nodes/${encodeURIComponent(id)}/drain`
    return this.#json({ method: 'POST', path, isRepeatable: true, signal })
  }

  /** Who did what, newest first. */
  audit(options: CallOptions = {}): Listing<AuditEntry> {
    return this.#list('/v1/audit', {}, options)
  }

  /** Forgets what is cached, such as `task_resize` or `task_*`. */
  clearCache(pattern: string, { signal }: CallOptions = {}): Promise<{ pattern: string; removed: number }> {
    return this.#json({ method: 'DELETE', path: '/v1/cache', query: { pattern }, signal })
  }

  /** Whether a load balancer should send requests there. @throws NoodleError where nothing answers; it is tried once */
  async health({ signal }: CallOptions = {}): Promise<boolean> {
    const { status } = await this.#look<{ status: string }>('/health', signal)
    return status === 'ok'
  }

  /** Whether the platform works, with the state of each part. @throws NoodleError where nothing answers; it is tried once */
  ready({ signal }: CallOptions = {}): Promise<Readiness> {
    return this.#look('/ready', signal)
  }

  /** Ends the session that this client began with its password; it begins a new one when it is used again. */
  async logOut({ signal }: CallOptions = {}): Promise<void> {
    const refreshToken = this.#transport.takeRefreshToken()
    if (refreshToken === undefined) return
    const path = '/v1/auth/logout'
    await this.#json({ method: 'POST', path, body: { refreshToken }, isRepeatable: true, signal })
  }

  #json<T>(call: Call): Promise<T> {
    return this.#transport.json<T>(call)
  }

  #get<T>(path: string, signal: AbortSignal | undefined): Promise<T> {
    return this.#json<T>({ method: 'GET', path, signal })
  }

  /** Answers also with what is said of a trouble. */
  #look<T>(path: string, signal: AbortSignal | undefined): Promise<T> {
    return this.#json<T>({
      method: 'GET',
      path,
      isAnonymous: true,
      isRepeatable: false,
      accepts: [503],
      signal,
    })
  }

  #list<Item>(path: string, query: Query, options: CallOptions): Listing<Item> {
    return makeListing<Item>(this.#transport, path, query, options)
  }

  #readJob(id: string, signal: AbortSignal | undefined): Promise<Job> {
    return this.#get<Job>(pathOf(id), signal)
  }

  async #send<One>(path: string, body: object, options: SendOptions): Promise<One> {
    const { idempotencyKey = this.#newKey(), waitSeconds = 0, signal } = options
    return this.#json<One>({
      method: 'POST',
      path,
      body,
      headers: {
        'Idempotency-Key': checkIdempotencyKey(idempotencyKey),
        ...(waitSeconds > 0 && { Prefer: `wait=${String(waitSeconds)}` }),
      },
      timeoutMs: this.#timeoutMs + waitSeconds * 1000,
      isRepeatable: true, // by the key
      signal,
    })
  }
}

const pathOf = (id: string): string => `/v1/jobs/${encodeURIComponent(id)}`
