// Original file: proto/noodle/v1/workers.proto

import type { RunId as _noodle_v1_RunId, RunId__Output as _noodle_v1_RunId__Output } from '../../noodle/v1/RunId.ts';
import type { Long } from '@grpc/proto-loader';

export interface BlobHead {
  'run'?: (_noodle_v1_RunId | null);
  'artifact'?: (string);
  'bytes'?: (number | string | Long);
}

export interface BlobHead__Output {
  'run': (_noodle_v1_RunId__Output | null);
  'artifact': (string);
  'bytes': (string);
}
