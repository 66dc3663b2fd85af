// Original file: proto/noodle/v1/jobs.proto

import type { JobState as _noodle_v1_JobState, JobState__Output as _noodle_v1_JobState__Output } from '../../noodle/v1/JobState.ts';
import type { Timestamp as _google_protobuf_Timestamp, Timestamp__Output as _google_protobuf_Timestamp__Output } from '../../google/protobuf/Timestamp.ts';
import type { Job as _noodle_v1_Job, Job__Output as _noodle_v1_Job__Output } from '../../noodle/v1/Job.ts';

export interface SubmitResponse {
  'id'?: (string);
  'state'?: (_noodle_v1_JobState);
  'tier'?: (string);
  'createdAt'?: (_google_protobuf_Timestamp | null);
  'isNew'?: (boolean);
  'warnings'?: (string)[];
  'job'?: (_noodle_v1_Job | null);
}

export interface SubmitResponse__Output {
  'id': (string);
  'state': (_noodle_v1_JobState__Output);
  'tier': (string);
  'createdAt': (_google_protobuf_Timestamp__Output | null);
  'isNew': (boolean);
  'warnings': (string)[];
  'job': (_noodle_v1_Job__Output | null);
}
