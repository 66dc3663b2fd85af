// Original file: proto/noodle/v1/workers.proto

import type { RunSuccess as _noodle_v1_RunSuccess, RunSuccess__Output as _noodle_v1_RunSuccess__Output } from '../../noodle/v1/RunSuccess.ts';
import type { RunFailure as _noodle_v1_RunFailure, RunFailure__Output as _noodle_v1_RunFailure__Output } from '../../noodle/v1/RunFailure.ts';
import type { Usage as _noodle_v1_Usage, Usage__Output as _noodle_v1_Usage__Output } from '../../noodle/v1/Usage.ts';
import type { Long } from '@grpc/proto-loader';

export interface RunFinish {
  'jobId'?: (string);
  'fence'?: (number | string | Long);
  'success'?: (_noodle_v1_RunSuccess | null);
  'failure'?: (_noodle_v1_RunFailure | null);
  'usage'?: (_noodle_v1_Usage | null);
  'keptCheckpoint'?: (boolean);
  'outcome'?: "success"|"failure";
}

export interface RunFinish__Output {
  'jobId': (string);
  'fence': (string);
  'success'?: (_noodle_v1_RunSuccess__Output | null);
  'failure'?: (_noodle_v1_RunFailure__Output | null);
  'usage': (_noodle_v1_Usage__Output | null);
  'keptCheckpoint': (boolean);
  'outcome'?: "success"|"failure";
}
