// Original file: proto/noodle/v1/workers.proto

import type { Long } from '@grpc/proto-loader';

export interface RunProgress {
  'jobId'?: (string);
  'fence'?: (number | string | Long);
  'percent'?: (number);
  'note'?: (string);
  '_note'?: "note";
}

export interface RunProgress__Output {
  'jobId': (string);
  'fence': (string);
  'percent': (number);
  'note'?: (string);
  '_note'?: "note";
}
