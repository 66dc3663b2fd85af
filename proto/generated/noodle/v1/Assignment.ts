// Original file: proto/noodle/v1/workers.proto

import type { PayloadRef as _noodle_v1_PayloadRef, PayloadRef__Output as _noodle_v1_PayloadRef__Output } from '../../noodle/v1/PayloadRef.ts';
import type { Grant as _noodle_v1_Grant, Grant__Output as _noodle_v1_Grant__Output } from '../../noodle/v1/Grant.ts';
import type { Resources as _noodle_v1_Resources, Resources__Output as _noodle_v1_Resources__Output } from '../../noodle/v1/Resources.ts';
import type { Long } from '@grpc/proto-loader';

export interface Assignment {
  'jobId'?: (string);
  'fence'?: (number | string | Long);
  'attempt'?: (number);
  'task'?: (string);
  'tier'?: (string);
  'tenant'?: (string);
  'payloadJson'?: (Buffer | Uint8Array | string);
  'payloadRef'?: (_noodle_v1_PayloadRef | null);
  'timeoutMs'?: (number | string | Long);
  'grant'?: (_noodle_v1_Grant | null);
  'resources'?: (_noodle_v1_Resources | null);
  'allocation'?: (Buffer | Uint8Array | string);
  'waitedMs'?: (number | string);
  'cacheKey'?: (Buffer | Uint8Array | string);
  'payload'?: "payloadJson"|"payloadRef";
}

export interface Assignment__Output {
  'jobId': (string);
  'fence': (string);
  'attempt': (number);
  'task': (string);
  'tier': (string);
  'tenant': (string);
  'payloadJson'?: (Buffer);
  'payloadRef'?: (_noodle_v1_PayloadRef__Output | null);
  'timeoutMs': (string);
  'grant': (_noodle_v1_Grant__Output | null);
  'resources': (_noodle_v1_Resources__Output | null);
  'allocation': (Buffer);
  'waitedMs': (number);
  'cacheKey': (Buffer);
  'payload'?: "payloadJson"|"payloadRef";
}
