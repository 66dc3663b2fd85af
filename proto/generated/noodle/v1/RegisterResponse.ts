// Original file: proto/noodle/v1/workers.proto

import type { Long } from '@grpc/proto-loader';

export interface RegisterResponse {
  'leaseMs'?: (number | string | Long);
}

export interface RegisterResponse__Output {
  'leaseMs': (string);
}
