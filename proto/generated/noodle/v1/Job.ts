// Original file: proto/noodle/v1/jobs.proto

import type { JobState as _noodle_v1_JobState, JobState__Output as _noodle_v1_JobState__Output } from '../../noodle/v1/JobState.ts';
import type { BlobRef as _noodle_v1_BlobRef, BlobRef__Output as _noodle_v1_BlobRef__Output } from '../../noodle/v1/BlobRef.ts';
import type { Resources as _noodle_v1_Resources, Resources__Output as _noodle_v1_Resources__Output } from '../../noodle/v1/Resources.ts';
import type { Retry as _noodle_v1_Retry, Retry__Output as _noodle_v1_Retry__Output } from '../../noodle/v1/Retry.ts';
import type { JobError as _noodle_v1_JobError, JobError__Output as _noodle_v1_JobError__Output } from '../../noodle/v1/JobError.ts';
import type { Usage as _noodle_v1_Usage, Usage__Output as _noodle_v1_Usage__Output } from '../../noodle/v1/Usage.ts';
import type { Timestamp as _google_protobuf_Timestamp, Timestamp__Output as _google_protobuf_Timestamp__Output } from '../../google/protobuf/Timestamp.ts';
import type { Long } from '@grpc/proto-loader';

export interface Job {
  'id'?: (string);
  'state'?: (_noodle_v1_JobState);
  'tier'?: (string);
  'task'?: (string);
  'tenant'?: (string);
  'priority'?: (number);
  'payloadJson'?: (Buffer | Uint8Array | string);
  'payloadRef'?: (_noodle_v1_BlobRef | null);
  'resources'?: (_noodle_v1_Resources | null);
  'timeoutMs'?: (number | string | Long);
  'retry'?: (_noodle_v1_Retry | null);
  'labels'?: ({[key: string]: string});
  'attempt'?: (number);
  'progress'?: (number | string);
  'progressNote'?: (string);
  'resultJson'?: (Buffer | Uint8Array | string);
  'resultRef'?: (_noodle_v1_BlobRef | null);
  'error'?: (_noodle_v1_JobError | null);
  'usage'?: (_noodle_v1_Usage | null);
  'nodeId'?: (string);
  'replayOf'?: (string);
  'cachedFrom'?: (string);
  'cancelRequestedAt'?: (_google_protobuf_Timestamp | null);
  'createdAt'?: (_google_protobuf_Timestamp | null);
  'dueAt'?: (_google_protobuf_Timestamp | null);
  'expiresAt'?: (_google_protobuf_Timestamp | null);
  'startedAt'?: (_google_protobuf_Timestamp | null);
  'finishedAt'?: (_google_protobuf_Timestamp | null);
  'resourcesFrom'?: (string);
  '_progress'?: "progress";
  '_progressNote'?: "progressNote";
  '_nodeId'?: "nodeId";
  '_replayOf'?: "replayOf";
  '_cachedFrom'?: "cachedFrom";
  '_resourcesFrom'?: "resourcesFrom";
}

export interface Job__Output {
  'id': (string);
  'state': (_noodle_v1_JobState__Output);
  'tier': (string);
  'task': (string);
  'tenant': (string);
  'priority': (number);
  'payloadJson': (Buffer);
  'payloadRef': (_noodle_v1_BlobRef__Output | null);
  'resources': (_noodle_v1_Resources__Output | null);
  'timeoutMs': (string);
  'retry': (_noodle_v1_Retry__Output | null);
  'labels': ({[key: string]: string});
  'attempt': (number);
  'progress'?: (number);
  'progressNote'?: (string);
  'resultJson': (Buffer);
  'resultRef': (_noodle_v1_BlobRef__Output | null);
  'error': (_noodle_v1_JobError__Output | null);
  'usage': (_noodle_v1_Usage__Output | null);
  'nodeId'?: (string);
  'replayOf'?: (string);
  'cachedFrom'?: (string);
  'cancelRequestedAt': (_google_protobuf_Timestamp__Output | null);
  'createdAt': (_google_protobuf_Timestamp__Output | null);
  'dueAt': (_google_protobuf_Timestamp__Output | null);
  'expiresAt': (_google_protobuf_Timestamp__Output | null);
  'startedAt': (_google_protobuf_Timestamp__Output | null);
  'finishedAt': (_google_protobuf_Timestamp__Output | null);
  'resourcesFrom'?: (string);
  '_progress'?: "progress";
  '_progressNote'?: "progressNote";
  '_nodeId'?: "nodeId";
  '_replayOf'?: "replayOf";
  '_cachedFrom'?: "cachedFrom";
  '_resourcesFrom'?: "resourcesFrom";
}
