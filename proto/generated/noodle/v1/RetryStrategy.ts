// Original file: proto/noodle/v1/jobs.proto

export const RetryStrategy = {
  RETRY_STRATEGY_UNSPECIFIED: 'RETRY_STRATEGY_UNSPECIFIED',
  RETRY_STRATEGY_FIXED: 'RETRY_STRATEGY_FIXED',
  RETRY_STRATEGY_EXPONENTIAL: 'RETRY_STRATEGY_EXPONENTIAL',
} as const;

export type RetryStrategy =
  | 'RETRY_STRATEGY_UNSPECIFIED'
  | 0
  | 'RETRY_STRATEGY_FIXED'
  | 1
  | 'RETRY_STRATEGY_EXPONENTIAL'
  | 2

export type RetryStrategy__Output = typeof RetryStrategy[keyof typeof RetryStrategy]
