// Original file: proto/noodle/v1/workers.proto

import type { Long } from '@grpc/proto-loader';

export interface WorkerSettings {
  'leaseMs'?: (number | string | Long);
  'leaseGraceMs'?: (number | string | Long);
  'inlineBytes'?: (number | string | Long);
  'tiers'?: (string)[];
  'hasSecrets'?: (boolean);
}

export interface WorkerSettings__Output {
  'leaseMs': (string);
  'leaseGraceMs': (string);
  'inlineBytes': (string);
  'tiers': (string)[];
  'hasSecrets': (boolean);
}
