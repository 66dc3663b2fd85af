// Original file: proto/noodle/v1/jobs.proto

import type { JobState as _noodle_v1_JobState, JobState__Output as _noodle_v1_JobState__Output } from '../../noodle/v1/JobState.ts';
import type { Timestamp as _google_protobuf_Timestamp, Timestamp__Output as _google_protobuf_Timestamp__Output } from '../../google/protobuf/Timestamp.ts';

export interface ListRequest {
  'limit'?: (number);
  'cursor'?: (string);
  'state'?: (_noodle_v1_JobState)[];
  'task'?: (string)[];
  'tier'?: (string)[];
  'label'?: ({[key: string]: string});
  'createdAfter'?: (_google_protobuf_Timestamp | null);
  'createdBefore'?: (_google_protobuf_Timestamp | null);
  'q'?: (string);
  'tenant'?: (string);
  '_limit'?: "limit";
}

export interface ListRequest__Output {
  'limit'?: (number);
  'cursor': (string);
  'state': (_noodle_v1_JobState__Output)[];
  'task': (string)[];
  'tier': (string)[];
  'label': ({[key: string]: string});
  'createdAfter': (_google_protobuf_Timestamp__Output | null);
  'createdBefore': (_google_protobuf_Timestamp__Output | null);
  'q': (string);
  'tenant': (string);
  '_limit'?: "limit";
}
