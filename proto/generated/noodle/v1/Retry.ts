// Original file: proto/noodle/v1/jobs.proto

import type { RetryStrategy as _noodle_v1_RetryStrategy, RetryStrategy__Output as _noodle_v1_RetryStrategy__Output } from '../../noodle/v1/RetryStrategy.ts';
import type { Long } from '@grpc/proto-loader';

export interface Retry {
  'maxAttempts'?: (number);
  'backoffMs'?: (number | string | Long);
  'strategy'?: (_noodle_v1_RetryStrategy);
  'escalateTier'?: (boolean);
  '_maxAttempts'?: "maxAttempts";
  '_backoffMs'?: "backoffMs";
  '_escalateTier'?: "escalateTier";
}

export interface Retry__Output {
  'maxAttempts'?: (number);
  'backoffMs'?: (string);
  'strategy': (_noodle_v1_RetryStrategy__Output);
  'escalateTier'?: (boolean);
  '_maxAttempts'?: "maxAttempts";
  '_backoffMs'?: "backoffMs";
  '_escalateTier'?: "escalateTier";
}
