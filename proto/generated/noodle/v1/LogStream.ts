// Original file: proto/noodle/v1/workers.proto

export const LogStream = {
  LOG_STREAM_UNSPECIFIED: 'LOG_STREAM_UNSPECIFIED',
  LOG_STREAM_STDOUT: 'LOG_STREAM_STDOUT',
  LOG_STREAM_STDERR: 'LOG_STREAM_STDERR',
  LOG_STREAM_LOG: 'LOG_STREAM_LOG',
  LOG_STREAM_NOODLE: 'LOG_STREAM_NOODLE',
} as const;

export type LogStream =
  | 'LOG_STREAM_UNSPECIFIED'
  | 0
  | 'LOG_STREAM_STDOUT'
  | 1
  | 'LOG_STREAM_STDERR'
  | 2
  | 'LOG_STREAM_LOG'
  | 3
  | 'LOG_STREAM_NOODLE'
  | 4

export type LogStream__Output = typeof LogStream[keyof typeof LogStream]
