// Original file: proto/noodle/v1/workers.proto

import type { Long } from '@grpc/proto-loader';

export interface StoredResult {
  'bytes'?: (number | string | Long);
  'sha256'?: (string);
}

export interface StoredResult__Output {
  'bytes': (string);
  'sha256': (string);
}
