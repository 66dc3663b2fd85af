// Original file: proto/noodle/v1/workers.proto

import type { Long } from '@grpc/proto-loader';

export interface HeldRun {
  'jobId'?: (string);
  'fence'?: (number | string | Long);
  'allocation'?: (Buffer | Uint8Array | string);
}

export interface HeldRun__Output {
  'jobId': (string);
  'fence': (string);
  'allocation': (Buffer);
}
