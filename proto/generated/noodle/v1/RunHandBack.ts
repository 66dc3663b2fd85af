// Original file: proto/noodle/v1/workers.proto

import type { Long } from '@grpc/proto-loader';

export interface RunHandBack {
  'jobId'?: (string);
  'fence'?: (number | string | Long);
  'reason'?: (string);
}

export interface RunHandBack__Output {
  'jobId': (string);
  'fence': (string);
  'reason': (string);
}
