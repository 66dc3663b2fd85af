// Original file: proto/noodle/v1/jobs.proto

import type { JobSubmission as _noodle_v1_JobSubmission, JobSubmission__Output as _noodle_v1_JobSubmission__Output } from '../../noodle/v1/JobSubmission.ts';

export interface SubmitStreamRequest {
  'jobs'?: (_noodle_v1_JobSubmission)[];
}

export interface SubmitStreamRequest__Output {
  'jobs': (_noodle_v1_JobSubmission__Output)[];
}
