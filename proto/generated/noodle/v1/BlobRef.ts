// Original file: proto/noodle/v1/jobs.proto

import type { Long } from '@grpc/proto-loader';

export interface BlobRef {
  'bytes'?: (number | string | Long);
  'sha256'?: (string);
  'url'?: (string);
}

export interface BlobRef__Output {
  'bytes': (string);
  'sha256': (string);
  'url': (string);
}
