// Original file: proto/noodle/v1/jobs.proto

import type { Value as _google_protobuf_Value, Value__Output as _google_protobuf_Value__Output } from '../../google/protobuf/Value.ts';

export interface ReplayRequest {
  'id'?: (string);
  'payloadJson'?: (Buffer | Uint8Array | string);
  'payload'?: (_google_protobuf_Value | null);
  'idempotencyKey'?: (string);
  'waitSeconds'?: (number);
  'input'?: "payloadJson"|"payload";
  '_idempotencyKey'?: "idempotencyKey";
}

export interface ReplayRequest__Output {
  'id': (string);
  'payloadJson'?: (Buffer);
  'payload'?: (_google_protobuf_Value__Output | null);
  'idempotencyKey'?: (string);
  'waitSeconds': (number);
  'input'?: "payloadJson"|"payload";
  '_idempotencyKey'?: "idempotencyKey";
}
