import { didYouMean } from '../../core/did-you-mean.ts'
import { anyJson, builtinTasks } from '../domain/builtin-tasks.ts'
import { type FieldError, QueueError } from '../domain/errors.ts'
import type { Json, Resources } from '../domain/job.ts'
import { hasRoomFor, type Node, type TaskOffer } from '../domain/node.ts'
import { describeNeed, describeResources } from '../domain/tiers.ts'
import { type Catalogue, listTasks, offersOf } from './catalogue.ts'
import type { CheckPayload } from './check-payload.ts'

export interface CheckTaskOptions {
  checkPayload: CheckPayload
  /** Refuses a task that no live node offers, though one did before. */
  isStrict: boolean
}

/**
 * Checks at submission that a task exists and that its payload fits, so that a wrong one never becomes a job. Answers with a warning for each thing
 * that keeps the job from running now: no live node of its tier, or none there that offers the task, or none of these that has what the job asks for.
 * @throws TASK_UNKNOWN, PAYLOAD_MISFIT
 */
export function checkTask(
  catalogue: Catalogue,
  job: { task: string; payload: Json; tier: string; resources: Resources },
  { checkPayload, isStrict }: CheckTaskOptions,
): string[] {
  const { nodes } = catalogue.fleet
  const builtin = builtinTasks.find((task) => task.name === job.task)
  const offers = offersOf(catalogue, job.task)
  const isOffered = nodes.some((node) => node.tasks.some((task) => task.name === job.task))
  if (!builtin && (offers.length === 0 || (isStrict && !isOffered)))
    throw unknown(catalogue, job.task, isStrict)
  const fields = builtin ? misfitsOfBuiltin(builtin, job.payload) : misfits(checkPayload, offers, job.payload)
  if (fields.length > 0)
    throw new QueueError(
      'PAYLOAD_MISFIT',
      `The payload does not fit the task ${job.task}: ${fields.map(({ path, message }) => `${path} ${message}`).join('; ')}.`,
      { fields },
    )
  const ofTier = nodes.filter((node) => node.tiers.includes(job.tier))
  if (ofTier.length === 0) return [`No node of the tier ${job.tier} is up; the job waits until one is.`]
  const offering = ofTier.filter((node) => node.tasks.some((task) => task.name === job.task))
  if (offering.length === 0)
    return [`No node of the tier ${job.tier} offers the task ${job.task} now; the job waits until one does.`]
  return offering.some((node) => hasRoomFor(node, job.resources)) ? [] : [tooSmall(job, offering)]
}

/** Names the node that has most of what the job misses. */
function tooSmall(job: { tier: string; resources: Resources }, nodes: readonly Node[]): string {
  const { cpu, memoryMb, gpu } = job.resources
  const missing = (node: Node): number =>
    Math.max(cpu / node.cpus, memoryMb / node.memoryMb, gpu === 0 ? 0 : Math.ceil(gpu) / (node.gpus || 0.001))
  const [largest] = [...nodes].sort((a, b) => missing(a) - missing(b))
  const has =
    largest && describeResources({ cpu: largest.cpus, memoryMb: largest.memoryMb, gpu: largest.gpus })
  return `No node of the tier ${job.tier} that is up has ${describeNeed(job.resources)}; the largest for it, ${largest?.id ?? ''}, has ${has ?? ''}. The job waits until one is large enough.`
}

function unknown(catalogue: Catalogue, name: string, isStrict: boolean): QueueError {
  const known = listTasks(catalogue)
    .filter(
      (task) =>
        !isStrict || task.kind === 'builtin' || task.kind === 'command' || Object.keys(task.nodes).length > 0,
    )
    .map((task) => task.name)
  return new QueueError('TASK_UNKNOWN', `No node offers a task ${name}${didYouMean(name, known)}.`, {
    fields: [{ path: 'task', message: `is none of ${known.join(', ')}` }],
  })
}

/** While nodes offer several versions, a payload that fits one of them is taken; else it is told what the newest misses. */
function misfits(checkPayload: CheckPayload, offers: readonly TaskOffer[], payload: Json): FieldError[] {
  let newest: FieldError[] = []
  for (const { payloadSchema } of offers) {
    const verdict = checkPayload(payloadSchema, payload)
    if (verdict === null || verdict === 'unknown') return []
    newest = verdict
  }
  return newest
}

function misfitsOfBuiltin(task: (typeof builtinTasks)[number], payload: Json): FieldError[] {
  if (task.payload === anyJson) return []
  const parsed = task.payload.safeParse(payload)
  return (parsed.error?.issues ?? []).flatMap((issue) => {
    const path = ['payload', ...issue.path.map(String)]
    if (issue.code === 'unrecognized_keys')
      return issue.keys.map((key) => ({
        path: [...path, key].join('.'),
        message: `is not a field of the task ${task.name}`,
      }))
    return [{ path: path.join('.'), message: issue.message }]
  })
}
