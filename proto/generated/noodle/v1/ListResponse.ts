// Original file: proto/noodle/v1/jobs.proto

import type { Job as _noodle_v1_Job, Job__Output as _noodle_v1_Job__Output } from '../../noodle/v1/Job.ts';

export interface ListResponse {
  'items'?: (_noodle_v1_Job)[];
  'nextCursor'?: (string);
}

export interface ListResponse__Output {
  'items': (_noodle_v1_Job__Output)[];
  'nextCursor': (string);
}
