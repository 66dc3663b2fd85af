// Original file: proto/noodle/v1/jobs.proto

import type { JobEvent as _noodle_v1_JobEvent, JobEvent__Output as _noodle_v1_JobEvent__Output } from '../../noodle/v1/JobEvent.ts';
import type { JobProgress as _noodle_v1_JobProgress, JobProgress__Output as _noodle_v1_JobProgress__Output } from '../../noodle/v1/JobProgress.ts';

export interface WatchResponse {
  'event'?: (_noodle_v1_JobEvent | null);
  'progress'?: (_noodle_v1_JobProgress | null);
  'what'?: "event"|"progress";
}

export interface WatchResponse__Output {
  'event'?: (_noodle_v1_JobEvent__Output | null);
  'progress'?: (_noodle_v1_JobProgress__Output | null);
  'what'?: "event"|"progress";
}
