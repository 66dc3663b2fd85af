// Original file: proto/noodle/v1/workers.proto

import type { Long } from '@grpc/proto-loader';

export interface JobFence {
  'jobId'?: (string);
  'fence'?: (number | string | Long);
  'isRunning'?: (boolean);
}

export interface JobFence__Output {
  'jobId': (string);
  'fence': (string);
  'isRunning': (boolean);
}
