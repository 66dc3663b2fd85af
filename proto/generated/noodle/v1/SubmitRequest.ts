// Original file: proto/noodle/v1/jobs.proto

import type { JobSubmission as _noodle_v1_JobSubmission, JobSubmission__Output as _noodle_v1_JobSubmission__Output } from '../../noodle/v1/JobSubmission.ts';

export interface SubmitRequest {
  'job'?: (_noodle_v1_JobSubmission | null);
  'waitSeconds'?: (number);
}

export interface SubmitRequest__Output {
  'job': (_noodle_v1_JobSubmission__Output | null);
  'waitSeconds': (number);
}
