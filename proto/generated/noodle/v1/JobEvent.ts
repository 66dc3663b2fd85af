// Original file: proto/noodle/v1/jobs.proto

import type { Timestamp as _google_protobuf_Timestamp, Timestamp__Output as _google_protobuf_Timestamp__Output } from '../../google/protobuf/Timestamp.ts';
import type { JobState as _noodle_v1_JobState, JobState__Output as _noodle_v1_JobState__Output } from '../../noodle/v1/JobState.ts';
import type { Long } from '@grpc/proto-loader';

export interface JobEvent {
  'seq'?: (number | string | Long);
  'at'?: (_google_protobuf_Timestamp | null);
  'state'?: (_noodle_v1_JobState);
  'attempt'?: (number);
  'nodeId'?: (string);
  'reason'?: (string);
  '_attempt'?: "attempt";
  '_nodeId'?: "nodeId";
  '_reason'?: "reason";
}

export interface JobEvent__Output {
  'seq': (string);
  'at': (_google_protobuf_Timestamp__Output | null);
  'state': (_noodle_v1_JobState__Output);
  'attempt'?: (number);
  'nodeId'?: (string);
  'reason'?: (string);
  '_attempt'?: "attempt";
  '_nodeId'?: "nodeId";
  '_reason'?: "reason";
}
