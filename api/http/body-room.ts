import { QueueError } from '../../queue/domain/errors.ts'

/** Bodies up to here are taken as they come. */
export const smallBodyBytes = 1_048_576

/** The memory for large bodies: each is held whole, and parsed to some times its size. */
export interface BodyRoom {
  /** To be called back when the body is done with. @throws OVERLOADED when there is no room now */
  enter(bytes: number): () => void
}

export function makeBodyRoom(mostBytes: number): BodyRoom {
  let held = 0
  return {
    enter(bytes) {
      if (held > 0 && held + bytes > mostBytes)
        throw new QueueError('OVERLOADED', 'Too many large requests are being read; try again.', {
          retryAfterSeconds: 1,
        })
      held += bytes
      let isHeld = true
      return () => {
        if (isHeld) held -= bytes
        isHeld = false
      }
    },
  }
}
