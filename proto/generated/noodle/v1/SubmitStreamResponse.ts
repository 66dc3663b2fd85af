// Original file: proto/noodle/v1/jobs.proto

import type { SubmitResult as _noodle_v1_SubmitResult, SubmitResult__Output as _noodle_v1_SubmitResult__Output } from '../../noodle/v1/SubmitResult.ts';

export interface SubmitStreamResponse {
  'results'?: (_noodle_v1_SubmitResult)[];
}

export interface SubmitStreamResponse__Output {
  'results': (_noodle_v1_SubmitResult__Output)[];
}
