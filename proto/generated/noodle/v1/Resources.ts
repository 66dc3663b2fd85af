// Original file: proto/noodle/v1/types.proto

import type { Long } from '@grpc/proto-loader';

export interface Resources {
  'cpu'?: (number | string);
  'memoryMb'?: (number | string | Long);
  'gpu'?: (number | string);
  '_cpu'?: "cpu";
  '_memoryMb'?: "memoryMb";
  '_gpu'?: "gpu";
}

export interface Resources__Output {
  'cpu'?: (number);
  'memoryMb'?: (string);
  'gpu'?: (number);
  '_cpu'?: "cpu";
  '_memoryMb'?: "memoryMb";
  '_gpu'?: "gpu";
}
