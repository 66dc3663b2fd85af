// Original file: proto/noodle/v1/workers.proto

import type { Long } from '@grpc/proto-loader';

export interface Grant {
  'gpus'?: (number)[];
  'heldGpus'?: (number | string);
  'memoryMb'?: (number | string | Long);
  'cpus'?: (number | string);
  '_cpus'?: "cpus";
}

export interface Grant__Output {
  'gpus': (number)[];
  'heldGpus': (number);
  'memoryMb': (string);
  'cpus'?: (number);
  '_cpus'?: "cpus";
}
