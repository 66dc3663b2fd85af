// Original file: proto/noodle/v1/workers.proto

import type { TaskOffer as _noodle_v1_TaskOffer, TaskOffer__Output as _noodle_v1_TaskOffer__Output } from '../../noodle/v1/TaskOffer.ts';
import type { Long } from '@grpc/proto-loader';

export interface RegisterRequest {
  'nodeId'?: (string);
  'bootId'?: (string);
  'tiers'?: (string)[];
  'cpus'?: (number | string);
  'memoryMb'?: (number | string | Long);
  'gpus'?: (number);
  'concurrency'?: (number);
  'version'?: (string);
  'tasks'?: (_noodle_v1_TaskOffer)[];
  'draining'?: (boolean);
  'leaseMs'?: (number | string | Long);
}

export interface RegisterRequest__Output {
  'nodeId': (string);
  'bootId': (string);
  'tiers': (string)[];
  'cpus': (number);
  'memoryMb': (string);
  'gpus': (number);
  'concurrency': (number);
  'version': (string);
  'tasks': (_noodle_v1_TaskOffer__Output)[];
  'draining': (boolean);
  'leaseMs': (string);
}
