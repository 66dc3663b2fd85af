// Original file: proto/noodle/v1/jobs.proto

import type { Value as _google_protobuf_Value, Value__Output as _google_protobuf_Value__Output } from '../../google/protobuf/Value.ts';
import type { Requirement as _noodle_v1_Requirement, Requirement__Output as _noodle_v1_Requirement__Output } from '../../noodle/v1/Requirement.ts';
import type { Resources as _noodle_v1_Resources, Resources__Output as _noodle_v1_Resources__Output } from '../../noodle/v1/Resources.ts';
import type { Timestamp as _google_protobuf_Timestamp, Timestamp__Output as _google_protobuf_Timestamp__Output } from '../../google/protobuf/Timestamp.ts';
import type { Retry as _noodle_v1_Retry, Retry__Output as _noodle_v1_Retry__Output } from '../../noodle/v1/Retry.ts';
import type { Cache as _noodle_v1_Cache, Cache__Output as _noodle_v1_Cache__Output } from '../../noodle/v1/Cache.ts';
import type { Long } from '@grpc/proto-loader';

export interface JobSubmission {
  'task'?: (string);
  'payloadJson'?: (Buffer | Uint8Array | string);
  'payload'?: (_google_protobuf_Value | null);
  'requirement'?: (_noodle_v1_Requirement);
  'resources'?: (_noodle_v1_Resources | null);
  'priority'?: (number);
  'runAt'?: (_google_protobuf_Timestamp | null);
  'delayMs'?: (number | string | Long);
  'timeoutMs'?: (number | string | Long);
  'expiresAt'?: (_google_protobuf_Timestamp | null);
  'retry'?: (_noodle_v1_Retry | null);
  'labels'?: ({[key: string]: string});
  'cache'?: (_noodle_v1_Cache | null);
  'idempotencyKey'?: (string);
  'input'?: "payloadJson"|"payload";
  '_priority'?: "priority";
  '_delayMs'?: "delayMs";
  '_timeoutMs'?: "timeoutMs";
  '_idempotencyKey'?: "idempotencyKey";
}

export interface JobSubmission__Output {
  'task': (string);
  'payloadJson'?: (Buffer);
  'payload'?: (_google_protobuf_Value__Output | null);
  'requirement': (_noodle_v1_Requirement__Output);
  'resources': (_noodle_v1_Resources__Output | null);
  'priority'?: (number);
  'runAt': (_google_protobuf_Timestamp__Output | null);
  'delayMs'?: (string);
  'timeoutMs'?: (string);
  'expiresAt': (_google_protobuf_Timestamp__Output | null);
  'retry': (_noodle_v1_Retry__Output | null);
  'labels': ({[key: string]: string});
  'cache': (_noodle_v1_Cache__Output | null);
  'idempotencyKey'?: (string);
  'input'?: "payloadJson"|"payload";
  '_priority'?: "priority";
  '_delayMs'?: "delayMs";
  '_timeoutMs'?: "timeoutMs";
  '_idempotencyKey'?: "idempotencyKey";
}
