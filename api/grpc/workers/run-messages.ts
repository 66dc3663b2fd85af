import { z } from 'zod'
import type { Assignment } from '../../../proto/generated/noodle/v1/Assignment.ts'
import type { RunFinish__Output } from '../../../proto/generated/noodle/v1/RunFinish.ts'
import type { Usage__Output } from '../../../proto/generated/noodle/v1/Usage.ts'
import { resultKey } from '../../../queue/domain/blob.ts'
import { isJobErrorCode } from '../../../queue/domain/job-errors.ts'
import type { ClaimedJob, Json, Usage } from '../../../queue/domain/job.ts'
import type { Allocation } from '../../../queue/intake/node-allocator.ts'
import type { Run } from '../../../queue/intake/runs.ts'
import type { RunEnd } from '../../../queue/use-cases/finish-job.ts'
import type { RunLimits } from './run-limits.ts'

/** A job that a node is to run. */
export function toAssignment({ job, gpus, heldGpus, limits, allocation }: Run): Assignment {
  return {
    jobId: job.id,
    fence: job.fence,
    attempt: job.attempt,
    task: job.task,
    tier: job.tier,
    tenant: job.tenant,
    ...(job.payloadRef
      ? { payloadRef: { bytes: job.payloadRef.bytes, sha256: job.payloadRef.sha256 } }
      : { payloadJson: Buffer.from(JSON.stringify(job.payload)) }),
    timeoutMs: job.timeoutMs,
    grant: {
      gpus: gpus.map(Number),
      heldGpus: heldGpus,
      memoryMb: limits?.memoryMb ?? 0,
      ...(limits && limits.cpus !== null && { cpus: limits.cpus }),
    },
    resources: { cpu: job.resources.cpu, memoryMb: job.resources.memoryMb, gpu: job.resources.gpu },
    allocation: Buffer.from(JSON.stringify(allocation)),
    waitedMs: job.waitedMs,
    ...(job.cacheKey && { cacheKey: job.cacheKey }),
  }
}

const part = z.number().min(0).max(1e9)
const allocationShape = z.object({
  slots: part.int(),
  milliCpus: part,
  memoryMb: part,
  gpus: z.array(z.number().int().min(0).max(1023)).max(1024),
  sharesOfEach: part.int(),
})

/** What a run takes of its node, as its assignment told it. Of one that says something else a slot is taken, and nothing more. */
export function readAllocation(bytes: Buffer): Allocation {
  const parsed = allocationShape.safeParse(readJson(bytes))
  return parsed.success ? parsed.data : { slots: 1, milliCpus: 0, memoryMb: 0, gpus: [], sharesOfEach: 0 }
}

const messageChars = 4000
const reasonChars = 500

/** How a run ended, by its node's word. What can't be stored makes it fail, with a reason that says so. */
export function readEnd(
  finish: RunFinish__Output,
  job: ClaimedJob,
  limits: Pick<RunLimits, 'checkResult'>,
): RunEnd {
  const usage = readUsage(finish.usage)
  const { success, failure } = finish
  const failed = (code: RunFailureCode, message: string, isFinal: boolean): RunEnd => ({
    kind: 'failed',
    error: { code, message, attempt: job.attempt },
    isFinal,
    usage,
  })
  if (success) {
    const answering = success.mayAnswer ? { mayAnswer: true } : {}
    try {
      limits.checkResult(Number(success.stored?.bytes ?? success.resultJson?.length ?? 0))
    } catch (error) {
      return failed('RESULT_TOO_LARGE', (error as Error).message, true)
    }
    if (success.stored) {
      const { bytes, sha256 } = success.stored
      if (!/^[0-9a-f]{64}$/.test(sha256))
        return failed('RESULT_INVALID', 'Its node stored a result and gave no sha256 of it.', true)
      const resultRef = { key: resultKey(job), bytes: Number(bytes), sha256 }
      return { kind: 'succeeded', result: null, resultRef, usage, ...answering }
    }
    const result = success.resultJson?.length ? readJson(success.resultJson) : null
    if (result === undefined)
      return failed('RESULT_INVALID', `The result of the task ${job.task} is not JSON.`, true)
    return { kind: 'succeeded', result, usage, ...answering }
  }
  if (!failure) return failed('TASK_ERROR', 'Its node told neither a result nor an error.', false)
  const { code, message, isFinal: isFinal, reason, outOfMemoryMb: limitMb } = failure
  return {
    ...failed(isJobErrorCode(code) ? code : 'TASK_ERROR', storable(message, messageChars), isFinal),
    ...(reason !== '' && { reason: storable(reason, reasonChars) }),
    ...(limitMb !== undefined && { outOfMemoryMb: Number(limitMb) }),
  }
}

type RunFailureCode = (RunEnd & { kind: 'failed' })['error']['code']

function readUsage(usage: Usage__Output | null): Usage {
  const known = (value: number | string | undefined): number | undefined =>
    value === undefined || !Number.isFinite(Number(value)) ? undefined : Math.max(0, Number(value))
  const [cpuMs, maxRssBytes, gpuSeconds] = [
    known(usage?.cpuMs),
    known(usage?.maxRssBytes),
    known(usage?.gpuSeconds),
  ]
  return {
    wallMs: known(usage?.wallMs) ?? 0,
    ...(cpuMs !== undefined && { cpuMs }),
    ...(maxRssBytes !== undefined && { maxRssBytes }),
    ...(gpuSeconds !== undefined && { gpuSeconds }),
  }
}

/** As deep as brackets alone make it with fewer bytes, JSON can also be written again. */
const surelyShallowBytes = 2000

/** Undefined for what is no JSON, or so deep that it could not be written again: that would fail whoever is stored in one round with it. */
export function readJson(bytes: Buffer): Json | undefined {
  try {
    const value = JSON.parse(bytes.toString('utf8')) as Json
    if (bytes.length > surelyShallowBytes) JSON.stringify(value)
    return value
  } catch {
    return undefined
  }
}

/** Text as Postgres takes it. */
export const storable = (text: string, chars: number): string =>
  text.slice(0, chars).replaceAll('\0', '\uFFFD').toWellFormed()
