// Original file: proto/noodle/v1/workers.proto

import type { LogLine as _noodle_v1_LogLine, LogLine__Output as _noodle_v1_LogLine__Output } from '../../noodle/v1/LogLine.ts';

export interface LogLines {
  'jobId'?: (string);
  'attempt'?: (number);
  'firstSeq'?: (number);
  'lines'?: (_noodle_v1_LogLine)[];
}

export interface LogLines__Output {
  'jobId': (string);
  'attempt': (number);
  'firstSeq': (number);
  'lines': (_noodle_v1_LogLine__Output)[];
}
