// Original file: proto/noodle/v1/workers.proto

import type { Assignment as _noodle_v1_Assignment, Assignment__Output as _noodle_v1_Assignment__Output } from '../../noodle/v1/Assignment.ts';
import type { RunEnded as _noodle_v1_RunEnded, RunEnded__Output as _noodle_v1_RunEnded__Output } from '../../noodle/v1/RunEnded.ts';
import type { LeaseRenewed as _noodle_v1_LeaseRenewed, LeaseRenewed__Output as _noodle_v1_LeaseRenewed__Output } from '../../noodle/v1/LeaseRenewed.ts';

export interface WorkResponse {
  'welcome'?: (boolean);
  'jobs'?: (_noodle_v1_Assignment)[];
  'ended'?: (_noodle_v1_RunEnded)[];
  'renewed'?: (_noodle_v1_LeaseRenewed | null);
  'renewNow'?: (boolean);
  'drained'?: (boolean);
  'goAway'?: (boolean);
}

export interface WorkResponse__Output {
  'welcome': (boolean);
  'jobs': (_noodle_v1_Assignment__Output)[];
  'ended': (_noodle_v1_RunEnded__Output)[];
  'renewed': (_noodle_v1_LeaseRenewed__Output | null);
  'renewNow': (boolean);
  'drained': (boolean);
  'goAway': (boolean);
}
