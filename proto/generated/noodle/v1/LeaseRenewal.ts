// Original file: proto/noodle/v1/workers.proto

import type { Long } from '@grpc/proto-loader';

export interface LeaseRenewal {
  'seq'?: (number | string | Long);
  'isDrained'?: (boolean);
  'cpuUse'?: (number | string);
  'memoryUse'?: (number | string);
  'gpuUse'?: (number | string);
  '_cpuUse'?: "cpuUse";
  '_memoryUse'?: "memoryUse";
  '_gpuUse'?: "gpuUse";
}

export interface LeaseRenewal__Output {
  'seq': (string);
  'isDrained': (boolean);
  'cpuUse'?: (number);
  'memoryUse'?: (number);
  'gpuUse'?: (number);
  '_cpuUse'?: "cpuUse";
  '_memoryUse'?: "memoryUse";
  '_gpuUse'?: "gpuUse";
}
