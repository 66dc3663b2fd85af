// Original file: proto/noodle/v1/workers.proto

import type { StoredResult as _noodle_v1_StoredResult, StoredResult__Output as _noodle_v1_StoredResult__Output } from '../../noodle/v1/StoredResult.ts';

export interface RunSuccess {
  'resultJson'?: (Buffer | Uint8Array | string);
  'stored'?: (_noodle_v1_StoredResult | null);
  'mayAnswer'?: (boolean);
  'result'?: "resultJson"|"stored";
}

export interface RunSuccess__Output {
  'resultJson'?: (Buffer);
  'stored'?: (_noodle_v1_StoredResult__Output | null);
  'mayAnswer': (boolean);
  'result'?: "resultJson"|"stored";
}
