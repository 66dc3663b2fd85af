// Original file: proto/noodle/v1/workers.proto

import type { HeldJob as _noodle_v1_HeldJob, HeldJob__Output as _noodle_v1_HeldJob__Output } from '../../noodle/v1/HeldJob.ts';
import type { Long } from '@grpc/proto-loader';

export interface LeaseRenewed {
  'seq'?: (number | string | Long);
  'isLive'?: (boolean);
  'isDraining'?: (boolean);
  'held'?: (_noodle_v1_HeldJob)[];
  'tryAgain'?: (boolean);
}

export interface LeaseRenewed__Output {
  'seq': (string);
  'isLive': (boolean);
  'isDraining': (boolean);
  'held': (_noodle_v1_HeldJob__Output)[];
  'tryAgain': (boolean);
}
