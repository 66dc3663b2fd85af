import type { Job } from '../../queue/domain/job.ts'
import { QueueError } from '../../queue/domain/errors.ts'
import { isCertainlyWithin } from '../../queue/domain/json-size.ts'
import type { Actor } from '../../queue/domain/user.ts'
import { submitMany, type Submission } from '../../queue/use-cases/submit-jobs.ts'
import { batchItem } from '../contract/job-shapes.ts'
import { fieldErrors, summarise } from '../contract/validate.ts'
import type { GatewayDeps } from '../gateway-deps.ts'
import { takeJobs } from '../limits/take-jobs.ts'
import { idempotencyFor } from './idempotency.ts'
import { refuseFieldsNotYet, toSpec } from './to-spec.ts'

/** One job among others, as it was read: JSON, or the error that reading it gave. */
export type Item = { json: unknown } | { error: QueueError }

export type ItemResult =
  { index: number; job: Job; isNew: boolean; warnings: string[] } | { index: number; error: QueueError }

type Checked = Submission & { warnings: string[] }

/**
 * Stores jobs that came together, each by itself or, with `isAtomic`, all or none.
 * @param options.first the index of the first one
 * @throws TOO_MANY, in the first round; OVERLOADED and what else is unavailable; with `isAtomic` the first job's error, all wrong fields under `jobs.<index>`
 */
export async function acceptRound(
  deps: GatewayDeps,
  actor: Actor,
  items: readonly Item[],
  options: { first: number; isAtomic: boolean },
): Promise<ItemResult[]> {
  const checked = await Promise.all(items.map((item) => check(deps, item)))
  const refused = checked.flatMap((one, i) =>
    one instanceof QueueError ? [{ error: one, index: options.first + i }] : [],
  )
  if (options.isAtomic && refused[0]) throw refuseAll(refused)
  const good = checked.flatMap((one, i) =>
    one instanceof QueueError ? [] : [{ submission: one, index: options.first + i }],
  )
  const results: ItemResult[] = refused
  if (good.length > 0) {
    try {
      takeJobs(deps, actor, good.length)
    } catch (error) {
      // Rounds before this one are stored: their ids must reach the client.
      if (options.first === 0 || !(error instanceof QueueError)) throw error
      return [...results, ...good.map(({ index }) => ({ index, error }))].sort((a, b) => a.index - b.index)
    }
    const answers = await submitMany(
      deps.queue,
      actor,
      good.map(({ submission }) => submission),
      options,
    )
    answers.forEach((answer, i) => {
      const { index = 0, submission: { warnings } = { warnings: [] } } = good[i] ?? {}
      results.push(answer instanceof QueueError ? { index, error: answer } : { index, warnings, ...answer })
    })
  }
  return results.sort((a, b) => a.index - b.index)
}

/** The submission of an item, or why it is refused. */
async function check(deps: GatewayDeps, item: Item): Promise<Checked | QueueError> {
  if ('error' in item) return item.error
  try {
    refuseFieldsNotYet(item.json)
    const parsed = batchItem.safeParse(item.json)
    if (!parsed.success) {
      const fields = fieldErrors(parsed.error, batchItem)
      return new QueueError('INVALID_REQUEST', summarise(fields, 'The job'), { fields })
    }
    const { idempotencyKey, ...body } = parsed.data
    const { spec, cache, warnings } = await toSpec(deps, body)
    const limitBytes = deps.config.PAYLOAD_LIMIT_BYTES
    if (
      !isCertainlyWithin(spec.payload, limitBytes) &&
      Buffer.byteLength(JSON.stringify(spec.payload)) > limitBytes
    )
      return jobTooLarge(limitBytes)
    return {
      spec,
      cache,
      warnings,
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

export const jobTooLarge = (limitBytes: number): QueueError =>
  new QueueError('INVALID_REQUEST', `The job is larger than ${String(limitBytes)} bytes.`, {
    fields: [{ path: '', message: `must be at most ${String(limitBytes)} bytes` }],
  })

/** The same job sent alone has its key in the header, so the key is no part of what tells two requests apart. */
function withoutKey(json: unknown): unknown {
  const { idempotencyKey: _, ...rest } = json as Record<string, unknown>
  return rest
}

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
