import type { BatchAnswer, FieldError } from './contract.ts'
import { orAborted } from './deadline.ts'
import { NoodleError } from './noodle-error.ts'
import { startPatience } from './retry.ts'
import type { CallOptions } from './submission.ts'
import type { Transport } from './transport.ts'

/** What became of a job of a batch. */
export type SubmitAnswer = {
  /** Its place among the jobs that were given, from 0. */
  index: number
  idempotencyKey: string
} & (
  | { id: string; code?: undefined; errors?: undefined }
  /** As of a NoodleError. */
  | { id?: undefined; code: string; errors: readonly FieldError[] }
)

export interface SubmitManyOptions extends CallOptions {
  /** Most jobs in a request, 1 to 500. Default 500: the gateway stores so many at once. */
  chunkJobs?: number | undefined
  /** About how many bytes in a request. Default 4 MiB. */
  chunkBytes?: number | undefined
  /** How long a job waits for others to go with it, in ms. Default 50. */
  lingerMs?: number | undefined
}

/** As many as the gateway stores at once: all of them are refused, or none, when there are too many. */
const mostJobs = 500

/** Refusals of a single job that pass. */
const passingCodes = new Set([
  'too-many',
  'overloaded',
  'postgres-unavailable',
  'redis-unavailable',
  'blobs-unavailable',
])

/** A job on its way: its line of NDJSON, with its key. */
interface Line {
  index: number
  idempotencyKey: string
  text: string
}

/**
 * Sends jobs as they come, many in a request, and tells of each what became of it, in order. Each has a key, so that a request whose answer is lost can be
 * sent again. A job that is refused keeps no other one out.
 */
export async function* submitMany(
  transport: Transport,
  jobs: Iterable<object> | AsyncIterable<object>,
  newKey: () => string,
  options: SubmitManyOptions,
): AsyncGenerator<SubmitAnswer, void, undefined> {
  for await (const chunk of chunks(lines(jobs, newKey), options))
    yield* await sendChunk(transport, chunk, options.signal)
}

async function* lines(
  jobs: Iterable<object> | AsyncIterable<object>,
  newKey: () => string,
): AsyncGenerator<Line, void, undefined> {
  let index = 0
  for await (const job of jobs) {
    const { idempotencyKey = newKey(), ...rest } = job as { idempotencyKey?: string }
    yield { index: index++, idempotencyKey, text: `${JSON.stringify({ ...rest, idempotencyKey })}\n` }
  }
}

/** What came by the time that a chunk is full, or its first line has waited long enough. */
async function* chunks(
  source: AsyncGenerator<Line, void, undefined>,
  { chunkJobs = 500, chunkBytes = 4_194_304, lingerMs = 50, signal }: SubmitManyOptions,
): AsyncGenerator<Line[], void, undefined> {
  if (!(chunkJobs >= 1 && chunkJobs <= mostJobs))
    throw new RangeError(`chunkJobs must be 1 to ${String(mostJobs)}; it is ${String(chunkJobs)}.`)
  let next = source.next()
  try {
    for (;;) {
      const first = await orAborted(next, signal)
      if (first.done) return
      const chunk = [first.value]
      let bytes = first.value.text.length
      next = source.next()
      const { late, forget } = startLinger(lingerMs)
      try {
        while (chunk.length < chunkJobs && bytes < chunkBytes) {
          // Should the source fail, what came before is sent first.
          const come = next.catch(() => 'failed' as const)
          const one = await orAborted(Promise.race([come, late]), signal)
          if (one === 'late' || one === 'failed' || one.done) break
          chunk.push(one.value)
          bytes += one.value.text.length
          next = source.next()
        }
      } finally {
        forget()
      }
      yield chunk
    }
  } finally {
    next.catch(() => undefined) // nobody waits for it any more
    void source.return().catch(() => undefined)
  }
}

function startLinger(ms: number): { late: Promise<'late'>; forget: () => void } {
  let timer: ReturnType<typeof setTimeout> | undefined
  const late = new Promise<'late'>((resolve) => (timer = setTimeout(() => resolve('late'), ms)))
  return { late, forget: () => clearTimeout(timer) }
}

/** Sends a chunk until each of its jobs has an answer; those that are refused for the moment go again. */
async function sendChunk(
  transport: Transport,
  chunk: readonly Line[],
  signal: AbortSignal | undefined,
): Promise<SubmitAnswer[]> {
  const answers = new Map<number, SubmitAnswer>()
  const patience = startPatience(transport.retry, signal)
  let open = chunk
  while (open.length > 0) {
    for (const answer of await sendOnce(transport, open, signal)) answers.set(answer.index, answer)
    open = open.filter(({ index }) => passingCodes.has(answers.get(index)?.code ?? ''))
    if (open.length === 0) break
    const isTime = await patience
      .pause(new NoodleError('Some jobs were refused.', { code: 'refused', isPassing: true }))
      .then(
        () => true,
        () => false,
      )
    signal?.throwIfAborted()
    if (!isTime) break
  }
  return chunk.flatMap(({ index }) => answers.get(index) ?? [])
}

/** A gateway may be set to take smaller requests: halves do then. What is too large alone is refused alone. */
async function sendOnce(
  transport: Transport,
  chunk: readonly Line[],
  signal: AbortSignal | undefined,
): Promise<SubmitAnswer[]> {
  try {
    const { results } = await transport.json<BatchAnswer>({
      method: 'POST',
      path: '/v1/jobs/batch',
      contentType: 'application/x-ndjson',
      body: chunk.map(({ text }) => text).join(''),
      timeoutMs: 120_000,
      isRepeatable: true, // by the keys
      signal,
    })
    return chunk.map((line, i) => toAnswer(line, results[i]))
  } catch (error) {
    if (!(error instanceof NoodleError) || error.status !== 413) throw error
    const half = Math.floor(chunk.length / 2)
    if (half === 0)
      return chunk.map((line) =>
        toAnswer(line, { code: error.code, errors: [{ path: '', message: error.message }] }),
      )
    const halves = [chunk.slice(0, half), chunk.slice(half)]
    const answers: SubmitAnswer[] = []
    for (const one of halves) answers.push(...(await sendOnce(transport, one, signal)))
    return answers
  }
}

function toAnswer(
  { index, idempotencyKey }: Line,
  result: { id: string } | { code: string; errors: readonly FieldError[] } | undefined,
): SubmitAnswer {
  if (!result) throw new Error('The gateway answered fewer jobs than were sent.')
  if ('id' in result) return { index, idempotencyKey, id: result.id }
  // Here the gateway writes JOB_NOT_FOUND, in problems job-not-found; a caller knows one of them.
  const code = result.code.toLowerCase().replaceAll('_', '-')
  return { index, idempotencyKey, code, errors: result.errors }
}
