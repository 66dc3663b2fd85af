// Original file: proto/noodle/v1/workers.proto

import type { RunId as _noodle_v1_RunId, RunId__Output as _noodle_v1_RunId__Output } from '../../noodle/v1/RunId.ts';

export interface ReadPayloadRequest {
  'run'?: (_noodle_v1_RunId | null);
  'takesLink'?: (boolean);
}

export interface ReadPayloadRequest__Output {
  'run': (_noodle_v1_RunId__Output | null);
  'takesLink': (boolean);
}
