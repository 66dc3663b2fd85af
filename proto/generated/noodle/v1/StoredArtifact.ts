// Original file: proto/noodle/v1/workers.proto

import type { Long } from '@grpc/proto-loader';

export interface StoredArtifact {
  'name'?: (string);
  'bytes'?: (number | string | Long);
  'sha256'?: (string);
}

export interface StoredArtifact__Output {
  'name': (string);
  'bytes': (string);
  'sha256': (string);
}
