// Original file: proto/noodle/v1/workers.proto

import type { LogLines as _noodle_v1_LogLines, LogLines__Output as _noodle_v1_LogLines__Output } from '../../noodle/v1/LogLines.ts';
import type { LogEnds as _noodle_v1_LogEnds, LogEnds__Output as _noodle_v1_LogEnds__Output } from '../../noodle/v1/LogEnds.ts';

export interface WriteLogsRequest {
  'bootId'?: (string);
  'logs'?: (_noodle_v1_LogLines)[];
  'liveOnly'?: (boolean);
  'forget'?: (_noodle_v1_LogEnds)[];
}

export interface WriteLogsRequest__Output {
  'bootId': (string);
  'logs': (_noodle_v1_LogLines__Output)[];
  'liveOnly': (boolean);
  'forget': (_noodle_v1_LogEnds__Output)[];
}
