// Original file: proto/noodle/v1/workers.proto

import type { Long } from '@grpc/proto-loader';

export interface RunId {
  'bootId'?: (string);
  'jobId'?: (string);
  'fence'?: (number | string | Long);
}

export interface RunId__Output {
  'bootId': (string);
  'jobId': (string);
  'fence': (string);
}
