// Original file: proto/noodle/v1/workers.proto

import type { HeldRun as _noodle_v1_HeldRun, HeldRun__Output as _noodle_v1_HeldRun__Output } from '../../noodle/v1/HeldRun.ts';
import type { Long } from '@grpc/proto-loader';

export interface WorkHello {
  'bootId'?: (string);
  'held'?: (_noodle_v1_HeldRun)[];
  'gpuShares'?: (number);
  'draining'?: (boolean);
  'leaseMs'?: (number | string | Long);
}

export interface WorkHello__Output {
  'bootId': (string);
  'held': (_noodle_v1_HeldRun__Output)[];
  'gpuShares': (number);
  'draining': (boolean);
  'leaseMs': (string);
}
