import type { IncomingMessage } from 'node:http'
import { createInterface } from 'node:readline'
import { z } from 'zod'
import { type FieldError, QueueError } from '../../../queue/domain/errors.ts'
import { refuseWhenCrowded } from '../../../queue/use-cases/submit-jobs.ts'
import { batchBody, batchView } from '../../contract/job-shapes.ts'
import type { GatewayDeps } from '../../gateway-deps.ts'
import { HttpProblem } from '../problem.ts'
import { readJsonBody, requireContentType } from '../read-body.ts'
import { actorOf, type Call, route } from '../route.ts'
import { bodyLimits, parseStrictJson } from '../../contract/strict-json.ts'
import { validate } from '../../contract/validate.ts'
import { acceptRound, type Item, type ItemResult, jobTooLarge } from '../../submission/accept-round.ts'

type ItemAnswer = { index: number; id: string } | { index: number; code: string; errors: FieldError[] }

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
      const results: ItemAnswer[] = []
      for await (const items of rounds) {
        const round = { first: results.length, isAtomic }
        results.push(...(await acceptRound(deps, actorOf(call), items, round)).map(toAnswer))
      }
      if (results.length === 0)
        throw new QueueError('INVALID_REQUEST', 'The batch holds no job.', {
          fields: [{ path: 'jobs', message: 'must hold at least one job' }],
        })
      const accepted = results.filter((result) => 'id' in result).length
      return { status: 202, body: { accepted, rejected: results.length - accepted, results } }
    },
  })

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
    items.push(
      line.length > PAYLOAD_LIMIT_BYTES ? { error: jobTooLarge(PAYLOAD_LIMIT_BYTES) } : parseLine(line),
    )
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

const toAnswer = (result: ItemResult): ItemAnswer =>
  'job' in result
    ? { index: result.index, id: result.job.id }
    : {
        index: result.index,
        code: result.error.code,
        errors:
          result.error.fields.length > 0
            ? result.error.fields
            : [{ path: '', message: result.error.message }],
      }
