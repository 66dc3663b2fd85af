import type { z } from 'zod'
import type { Json } from '../../queue/domain/job.ts'
import { PermanentFailure } from '../task.ts'

/** The payload of a built-in task, once more held against its shape: it may have been accepted by a gateway of another version. @throws PermanentFailure PAYLOAD_MISFIT */
export function readPayload<Shape extends z.ZodType>(
  task: string,
  shape: Shape,
  payload: Json,
): z.output<Shape> {
  const parsed = shape.safeParse(payload)
  if (parsed.success) return parsed.data
  throw new PermanentFailure('PAYLOAD_MISFIT', `The payload does not fit the task ${task}.`, parsed.error)
}
