// Original file: proto/noodle/v1/workers.proto

import type { Long } from '@grpc/proto-loader';

export interface HeldJob {
  'jobId'?: (string);
  'fence'?: (number | string | Long);
  'cancelRequested'?: (boolean);
}

export interface HeldJob__Output {
  'jobId': (string);
  'fence': (string);
  'cancelRequested': (boolean);
}
