// Original file: proto/noodle/v1/workers.proto

import type { Long } from '@grpc/proto-loader';

export interface RunFailure {
  'code'?: (string);
  'message'?: (string);
  'isFinal'?: (boolean);
  'reason'?: (string);
  'outOfMemoryMb'?: (number | string | Long);
  '_outOfMemoryMb'?: "outOfMemoryMb";
}

export interface RunFailure__Output {
  'code': (string);
  'message': (string);
  'isFinal': (boolean);
  'reason': (string);
  'outOfMemoryMb'?: (string);
  '_outOfMemoryMb'?: "outOfMemoryMb";
}
