// Original file: proto/noodle/v1/jobs.proto

import type { SubmitResponse as _noodle_v1_SubmitResponse, SubmitResponse__Output as _noodle_v1_SubmitResponse__Output } from '../../noodle/v1/SubmitResponse.ts';
import type { Status as _google_rpc_Status, Status__Output as _google_rpc_Status__Output } from '../../google/rpc/Status.ts';
import type { Long } from '@grpc/proto-loader';

export interface SubmitResult {
  'index'?: (number | string | Long);
  'job'?: (_noodle_v1_SubmitResponse | null);
  'error'?: (_google_rpc_Status | null);
  'outcome'?: "job"|"error";
}

export interface SubmitResult__Output {
  'index': (string);
  'job'?: (_noodle_v1_SubmitResponse__Output | null);
  'error'?: (_google_rpc_Status__Output | null);
  'outcome'?: "job"|"error";
}
