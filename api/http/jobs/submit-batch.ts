import type { IncomingMessage } from 'node:http'
import { createInterface } from 'node:readline'
import { z } from 'zod'
import { type FieldError, QueueError } from '../../../queue/domain/errors.ts'
import { refuseWhenCrowded, submitMany, type Submission } from '../../../queue/use-cases/submit-jobs.ts'
import { batchBody, batchItem, batchView } from '../../contract/job-shapes.ts'
import type { GatewayDeps } from '../../gateway-deps.ts'
import { HttpProblem } from '../problem.ts'
import { readJsonBody, requireContentType } from '../read-body.ts'
import { takeJobs } from '../../limits/take-jobs.ts'
import { actorOf, type Call, route } from '../route.ts'
import { bodyLimits, parseStrictJson } from '../../contract/strict-json.ts'
import { fieldErrors, summarise, validate } from '../../contract/validate.ts'
import { idempotencyFor } from '../../submission/idempotency.ts'
import { refuseFieldsNotYet, toSpec } from '../../submission/to-spec.ts'

type ItemResult = { index: number; id: string } | { index: number; code: string; errors: FieldError[] }

/** Jobs of a stream that are stored together. */
const roundSize = 500

const batchQuery = z.strictObject({
  atomic: z.enum(['true', 'false']).default('false').describe('true: all jobs are stored, or none.'),
})

export const submitBatchRoute = (deps: GatewayDeps) =>
  route({
    method: 'post',
    path: '/v1/jobs/batch',
    access: 'write',
    tag: 'Jobs',
    summary: 'Submit many jobs',
    description:
      'A JSON object with `jobs`, or a stream of one JSON object a line (application/x-ndjson), which is stored as it arrives. Each job is accepted or refused by itself; with `?atomic=true` all or none. Give each job an `idempotencyKey`, so that a batch can be sent again.',
    admit: () => refuseWhenCrowded(deps.queue),
    query: batchQuery,
    readsBody: { contentTypes: ['application/json', 'application/x-ndjson'] },
    responses: {
      202: { description: 'What became of each job', schema: batchView },
      422: { description: 'With atomic=true: a job could not be accepted, and none was' },
    },
    async handle(call) {
      if (call.header('Idempotency-Key') !== undefined) {
        throw new QueueError(
          'INVALID_REQUEST',
          'A batch takes no Idempotency-Key; give each job an idempotencyKey of its own.',
          {
            fields: [{ path: 'Idempotency-Key', message: 'must be absent; use idempotencyKey in each job' }],
          },
        )
      }
      const type = requireContentType(call.raw.request, ['application/json', 'application/x-ndjson'])
      const isAtomic = call.query.atomic === 'true'
      const rounds =
        type === 'application/json'
          ? [await readJsonItems(deps, call)]
          : readLines(deps, call.raw.request, isAtomic ? Infinity : roundSize)
      const results: ItemResult[] = []
      for await (const items of rounds)
        results.push(...(await acceptRound(deps, call, items, { first: results.length, isAtomic })))
      if (results.length === 0)
        throw new QueueError('INVALID_REQUEST', 'The batch holds no job.', {
          fields: [{ path: 'jobs', message: 'must hold at least one job' }],
        })
      const accepted = results.filter((result) => 'id' in result).length
      return { status: 202, body: { accepted, rejected: results.length - accepted, results } }
    },
  })

/** An item as it was read: JSON, or the error that its line gave. */
type Item = { json: unknown } | { error: QueueError }

async function readJsonItems(deps: GatewayDeps, call: Call<unknown, unknown, unknown>): Promise<Item[]> {
  const limit = deps.config.BATCH_LIMIT_JOBS
  const json = await readJsonBody(call.raw.request, call.raw.response, deps.config.BATCH_LIMIT_BYTES, {
    ...bodyLimits,
    maxKeys: bodyLimits.maxKeys + limit * 100,
  })
  const { jobs } = validate(
    batchBody.extend({
      jobs: z
        .array(z.unknown())
        .min(1, 'must hold at least one job')
        .max(limit, `must hold at most ${String(limit)} jobs`),
    }),
    json,
    'The body',
  )
  return jobs.map((one) => ({ json: one }))
}

/** Rounds of at most `size` lines. The request ends with 413 when it grows past a limit; rounds before that are stored. */
async function* readLines(deps: GatewayDeps, request: IncomingMessage, size: number): AsyncGenerator<Item[]> {
  const { BATCH_LIMIT_BYTES, BATCH_LIMIT_JOBS, PAYLOAD_LIMIT_BYTES } = deps.config
  if (
    request.headers['content-encoding'] !== undefined &&
    request.headers['content-encoding'] !== 'identity'
  ) {
    throw new HttpProblem(415, 'An NDJSON batch is taken without Content-Encoding only.')
  }
  let bytes = 0
  let count = 0
  let items: Item[] = []
  // latin1 keeps every byte, so that the strict parser can judge the UTF-8 itself.
  for await (const line of createInterface({ input: request.setEncoding('latin1'), crlfDelay: Infinity })) {
    bytes += line.length + 1
    if (bytes > BATCH_LIMIT_BYTES)
      throw new HttpProblem(
        413,
        `The batch is larger than ${String(BATCH_LIMIT_BYTES)} bytes; the jobs before that point may be stored.`,
      )
    if (line.trim() === '') continue
    if (++count > BATCH_LIMIT_JOBS)
      throw new HttpProblem(
        413,
        `The batch holds more than ${String(BATCH_LIMIT_JOBS)} jobs; the jobs before that point may be stored.`,
      )
    items.push(line.length > PAYLOAD_LIMIT_BYTES ? { error: tooLong(PAYLOAD_LIMIT_BYTES) } : parseLine(line))
    if (items.length >= size) {
      yield items
      items = []
    }
  }
  if (items.length > 0) yield items
}

function parseLine(line: string): Item {
  try {
    return { json: parseStrictJson(Buffer.from(line, 'latin1')) }
  } catch (error) {
    if (error instanceof QueueError) return { error }
    throw error
  }
}

const tooLong = (limit: number): QueueError =>
  new QueueError('INVALID_REQUEST', `The job is larger than ${String(limit)} bytes.`, {
    fields: [{ path: '', message: `must be at most ${String(limit)} bytes` }],
  })

/** @throws with `isAtomic` the first job's error, all wrong fields under `jobs.<index>` */
async function acceptRound(
  deps: GatewayDeps,
  call: Call<unknown, unknown, unknown>,
  items: readonly Item[],
  options: { first: number; isAtomic: boolean },
): Promise<ItemResult[]> {
  const actor = actorOf(call)
  const checked = await Promise.all(items.map((item) => check(deps, item)))
  const refused = checked.flatMap((one, i) =>
    one instanceof QueueError ? [{ error: one, index: options.first + i }] : [],
  )
  if (options.isAtomic && refused[0]) throw refuseAll(refused)
  const good = checked.flatMap((one, i) =>
    one instanceof QueueError ? [] : [{ submission: one, index: options.first + i }],
  )
  const results: ItemResult[] = refused.map(({ error, index }) => toResult(index, error))
  if (good.length > 0) {
    try {
      takeJobs(deps, actor, good.length)
    } catch (error) {
      // Rounds before this one are stored: their ids must reach the client.
      if (options.first === 0 || !(error instanceof QueueError)) throw error
      return [...results, ...good.map(({ index }) => toResult(index, error))].sort(
        (a, b) => a.index - b.index,
      )
    }
    const answers = await submitMany(
      deps.queue,
      actor,
      good.map(({ submission }) => submission),
      options,
    )
    answers.forEach((answer, i) => {
      const index = good[i]?.index ?? 0
      results.push(answer instanceof QueueError ? toResult(index, answer) : { index, id: answer.job.id })
    })
  }
  return results.sort((a, b) => a.index - b.index)
}

/** The submission of an item, or why it is refused. */
async function check(deps: GatewayDeps, item: Item): Promise<Submission | QueueError> {
  if ('error' in item) return item.error
  try {
    refuseFieldsNotYet(item.json)
    const parsed = batchItem.safeParse(item.json)
    if (!parsed.success) {
      const fields = fieldErrors(parsed.error, batchItem)
      return new QueueError('INVALID_REQUEST', summarise(fields, 'The job'), { fields })
    }
    const { idempotencyKey, ...body } = parsed.data
    const { spec, cache } = await toSpec(deps, body)
    if (Buffer.byteLength(JSON.stringify(spec.payload)) > deps.config.PAYLOAD_LIMIT_BYTES)
      return tooLong(deps.config.PAYLOAD_LIMIT_BYTES)
    return {
      spec,
      cache,
      idempotency:
        idempotencyKey === undefined
          ? null
          : idempotencyFor(idempotencyKey, 'POST /v1/jobs', withoutKey(item.json)),
    }
  } catch (error) {
    if (error instanceof QueueError && error.kind !== 'unavailable') return error
    throw error
  }
}

/** The same job sent alone has its key in the header, so the key is no part of what tells two requests apart. */
function withoutKey(json: unknown): unknown {
  const { idempotencyKey: _, ...rest } = json as Record<string, unknown>
  return rest
}

const toResult = (index: number, error: QueueError): ItemResult => ({
  index,
  code: error.code,
  errors: error.fields.length > 0 ? error.fields : [{ path: '', message: error.message }],
})

function refuseAll(refused: readonly { error: QueueError; index: number }[]): QueueError {
  const fields = refused.flatMap(({ error, index }) =>
    (error.fields.length > 0 ? error.fields : [{ path: '', message: error.message }]).map(
      ({ path, message }) => ({ path: ['jobs', String(index), path].filter(Boolean).join('.'), message }),
    ),
  )
  const first = refused[0]
  return new QueueError(
    first?.error.code ?? 'INVALID_REQUEST',
    `None of the jobs was stored: job ${String(first?.index)}: ${first?.error.message ?? ''}`,
    { fields },
  )
}
