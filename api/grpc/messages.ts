import type { Timestamp } from '../../proto/generated/google/protobuf/Timestamp.ts'
import type { JobState as JobStateName } from '../../proto/generated/noodle/v1/JobState.ts'
import type { JobState } from '../../queue/domain/job-state.ts'

export const toTimestamp = (at: Date): Timestamp => {
  const ms = at.getTime()
  const seconds = Math.floor(ms / 1000)
  return { seconds, nanos: (ms - seconds * 1000) * 1_000_000 }
}

/** Null where there is no time: then it is absent. */
export const toTimestampOrNone = (at: Date | null): Timestamp | null => (at ? toTimestamp(at) : null)

export const toStateName = (state: JobState): JobStateName =>
  `JOB_STATE_${state.toUpperCase()}` as JobStateName
