// Original file: proto/noodle/v1/workers.proto

import type { JobFence as _noodle_v1_JobFence, JobFence__Output as _noodle_v1_JobFence__Output } from '../../noodle/v1/JobFence.ts';

export interface ListFencesResponse {
  'fences'?: (_noodle_v1_JobFence)[];
}

export interface ListFencesResponse__Output {
  'fences': (_noodle_v1_JobFence__Output)[];
}
