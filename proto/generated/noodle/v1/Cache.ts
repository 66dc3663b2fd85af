// Original file: proto/noodle/v1/jobs.proto

import type { Long } from '@grpc/proto-loader';

export interface Cache {
  'ttlSeconds'?: (number | string | Long);
}

export interface Cache__Output {
  'ttlSeconds': (string);
}
