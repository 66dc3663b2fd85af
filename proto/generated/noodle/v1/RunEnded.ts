// Original file: proto/noodle/v1/workers.proto

import type { JobState as _noodle_v1_JobState, JobState__Output as _noodle_v1_JobState__Output } from '../../noodle/v1/JobState.ts';
import type { Long } from '@grpc/proto-loader';

export interface RunEnded {
  'jobId'?: (string);
  'fence'?: (number | string | Long);
  'state'?: (_noodle_v1_JobState);
  'tryAgain'?: (boolean);
  'failed'?: (boolean);
}

export interface RunEnded__Output {
  'jobId': (string);
  'fence': (string);
  'state': (_noodle_v1_JobState__Output);
  'tryAgain': (boolean);
  'failed': (boolean);
}
