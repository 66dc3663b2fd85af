import { isTerminal } from '../../queue/domain/job-state.ts'
import type { Job } from '../../client/src/contract.ts'
import { showDuration, showRelative } from '../../core/durations.ts'
import { pairsOf } from './table.ts'
import { showBytes } from './bytes.ts'
import { coloured, oneLine } from './text.ts'

const stateColours = {
  blocked: 'gray',
  pending: 'gray',
  queued: 'cyan',
  running: 'blue',
  succeeded: 'green',
  failed: 'red',
  cancelled: 'yellow',
  expired: 'yellow',
} as const

export const stateColour = (job: Pick<Job, 'state'>) => stateColours[job.state]

export const hasEnded = (job: Pick<Job, 'state'>): boolean => isTerminal(job.state)

/** A job for a person: what it is, how it stands, and what came out. */
export function jobLines(job: Job): string[] {
  const { usage } = job
  const pairs = pairsOf({
    job: job.id,
    state: coloured(stateColour(job), job.state) + (isCancelUnderWay(job) ? ' (cancel requested)' : ''),
    task: job.task,
    tier: job.tier,
    tenant: job.tenant,
    priority: String(job.priority),
    'asks for': needOf(job),
    attempt: `${String(job.attempt)} of ${String(job.retry.maxAttempts)}`,
    progress: job.progress === null ? undefined : `${String(job.progress)} %`,
    node: job.nodeId ?? undefined,
    labels: labelsOf(job.labels),
    'replay of': job.replayOf ?? undefined,
    'cached from': job.cachedFrom ?? undefined,
    created: showTime(job.createdAt),
    due: job.timestamps.dueAt > job.createdAt ? showTime(job.timestamps.dueAt) : undefined,
    expires: job.timestamps.expiresAt ? showTime(job.timestamps.expiresAt) : undefined,
    started: job.startedAt ? showTime(job.startedAt) : undefined,
    finished: job.finishedAt ? showTime(job.finishedAt) : undefined,
    used: usage ? usageOf(usage) : undefined,
    error: job.error ? coloured('red', oneLine(`${job.error.code}: ${job.error.message}`)) : undefined,
  })
  return [...pairs, ...resultLines(job), ...warningLines(job)]
}

const sources = { job: '', task: ', as its task says', use: ', as its task has used' } as const

/** What it asks for, and who said so; undefined where that is nothing. */
function needOf({ resources: { cpu, memoryMb, gpu }, resourcesFrom }: Job): string | undefined {
  const parts = [
    ...(cpu > 0 ? [`${String(Number(cpu.toFixed(2)))} cpu`] : []),
    ...(memoryMb > 0 ? [`${String(memoryMb)} MiB`] : []),
    ...(gpu > 0 ? [`${String(Number(gpu.toFixed(2)))} gpu`] : []),
  ]
  if (parts.length === 0) return undefined
  return parts.join(', ') + (resourcesFrom && resourcesFrom !== 'nobody' ? sources[resourcesFrom] : '')
}

export const warningLines = (job: Job): string[] =>
  (job.warnings ?? []).map((warning) => coloured('yellow', `warning: ${oneLine(warning)}`))

function resultLines({ state, result, resultRef }: Job): string[] {
  if (state === 'succeeded' && result === null && resultRef)
    return [`result  ${showBytes(resultRef.bytes)}, not shown; --json has where it can be read`]
  return state === 'succeeded' && result !== null ? ['result', JSON.stringify(result, null, 2)] : []
}

const isCancelUnderWay = (job: Job): boolean => job.cancelRequestedAt !== null && !hasEnded(job)

function labelsOf(labels: Record<string, string>): string | undefined {
  const text = Object.entries(labels)
    .map(([key, value]) => `${key}=${value}`)
    .join(' ')
  return text ? oneLine(text) : undefined
}

const showTime = (at: string): string => `${at} (${showRelative(at)})`

function usageOf({ wallMs, cpuMs, maxRssBytes, gpuSeconds }: NonNullable<Job['usage']>): string {
  return [
    `${showDuration(wallMs)} wall`,
    ...(cpuMs === undefined ? [] : [`${showDuration(cpuMs)} cpu`]),
    ...(maxRssBytes === undefined ? [] : [`${(maxRssBytes / 1_048_576).toFixed(1)} MiB memory at most`]),
    ...(gpuSeconds === undefined ? [] : [`${String(Math.round(gpuSeconds * 10) / 10)} GPU seconds`]),
  ].join(', ')
}
