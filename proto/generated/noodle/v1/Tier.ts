// Original file: proto/noodle/v1/jobs.proto

import type { Resources as _noodle_v1_Resources, Resources__Output as _noodle_v1_Resources__Output } from '../../noodle/v1/Resources.ts';
import type { Long } from '@grpc/proto-loader';

export interface _noodle_v1_Tier_Replicas {
  'ready'?: (number);
  'starting'?: (number);
  'draining'?: (number);
  'desired'?: (number);
}

export interface _noodle_v1_Tier_Replicas__Output {
  'ready': (number);
  'starting': (number);
  'draining': (number);
  'desired': (number);
}

export interface Tier {
  'tier'?: (string);
  'size'?: (_noodle_v1_Resources | null);
  'pending'?: (number | string | Long);
  'queued'?: (number | string | Long);
  'running'?: (number | string | Long);
  'oldestWaitMs'?: (number | string | Long);
  'replicas'?: (_noodle_v1_Tier_Replicas | null);
  'arrivalsPerSecond'?: (number | string);
  'finishesPerSecond'?: (number | string);
  'paused'?: (boolean);
}

export interface Tier__Output {
  'tier': (string);
  'size': (_noodle_v1_Resources__Output | null);
  'pending': (string);
  'queued': (string);
  'running': (string);
  'oldestWaitMs': (string);
  'replicas': (_noodle_v1_Tier_Replicas__Output | null);
  'arrivalsPerSecond': (number);
  'finishesPerSecond': (number);
  'paused': (boolean);
}
