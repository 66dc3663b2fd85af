// Original file: proto/noodle/v1/workers.proto

import type { LogStream as _noodle_v1_LogStream, LogStream__Output as _noodle_v1_LogStream__Output } from '../../noodle/v1/LogStream.ts';
import type { Long } from '@grpc/proto-loader';

export interface LogLine {
  'atMs'?: (number | string | Long);
  'stream'?: (_noodle_v1_LogStream);
  'text'?: (string);
}

export interface LogLine__Output {
  'atMs': (string);
  'stream': (_noodle_v1_LogStream__Output);
  'text': (string);
}
