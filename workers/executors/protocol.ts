import { z } from 'zod'
import type { Json } from '../../queue/domain/job.ts'
import type { GpuId } from '../../queue/domain/node.ts'

/*
 * The line protocol between a worker and the process of a task (docs/worker-protocol.md): one JSON object a line, in UTF-8. The task writes to its file
 * descriptor 3 and reads from 4; stdout and stderr are for people. A later version adds types and fields, which both sides skip when they don't know them.
 */

export const protocolVersion = 1

/** What a run gets to know at its beginning. */
export interface StartMessage {
  type: 'start'
  protocol: typeof protocolVersion
  id: string
  task: string
  /** From 1. */
  attempt: number
  /** Grows with every start of the job; for stores outside that shall refuse an earlier one. */
  fence: number
  input: Json
  /** What an earlier attempt told last; null when none did. */
  lastCheckpoint: Json
  /** The GPUs that are the run's own: indexes, or UUIDs where the node names its GPUs so. */
  gpus: GpuId[]
  /** An empty folder, removed after the run. */
  scratch: string
  /** Another: files that are left there are kept as the run's artifacts. */
  artifacts: string
  /** How long the run may take. */
  timeoutMs: number
  /** Values by name; only for a task that has declared some. */
  secrets?: Readonly<Record<string, string>>
}

export type ToTask =
  | StartMessage
  | { type: 'cancel'; reason: string; /** SIGKILL follows after so long. */ graceMs: number }
  /** Every checkpoint up to this number is kept. */
  | { type: 'stored'; seq: number }
  /** A checkpoint could not be kept: it is too large, or the job is somebody else's by now. */
  | { type: 'refused'; seq: number }

const text = z.string()
/** zod's own z.json() looks into every corner; JSON.parse has done that. */
const json = z.unknown().optional()

/** What a task tells. */
const fromTask = z.discriminatedUnion('type', [
  z.object({ type: z.literal('progress'), percent: z.number().min(0).max(100), note: text.optional() }),
  z.object({
    type: z.literal('log'),
    message: text,
    level: z.enum(['debug', 'info', 'warn', 'error']).default('info'),
  }),
  z.object({ type: z.literal('heartbeat') }),
  z.object({ type: z.literal('checkpoint'), value: json, seq: z.number().int().min(0).default(0) }),
  z.object({ type: z.literal('result'), value: json }),
  z.object({
    type: z.literal('error'),
    message: text,
    permanent: z.boolean().default(false),
    code: z.enum(['PAYLOAD_MISFIT', 'RESULT_INVALID']).optional().catch(undefined),
  }),
  z.object({ type: z.literal('task'), task: z.unknown() }),
])
export type FromTask = z.output<typeof fromTask>

/** The message of a line, or what is wrong with it. */
export function readMessage(line: string): FromTask | { type: 'wrong'; why: string } {
  let value: unknown
  try {
    value = JSON.parse(line)
  } catch {
    return { type: 'wrong', why: 'is no JSON' }
  }
  const parsed = fromTask.safeParse(value)
  if (parsed.success) return parsed.data
  const [issue] = parsed.error.issues
  const path = issue?.path.join('.') ?? ''
  return {
    type: 'wrong',
    why:
      path === 'type'
        ? 'has no type that is known'
        : `is wrong: ${[path, issue?.message].filter(Boolean).join(' ')}`,
  }
}
