// Original file: proto/noodle/v1/workers.proto

import type { WorkHello as _noodle_v1_WorkHello, WorkHello__Output as _noodle_v1_WorkHello__Output } from '../../noodle/v1/WorkHello.ts';
import type { LeaseRenewal as _noodle_v1_LeaseRenewal, LeaseRenewal__Output as _noodle_v1_LeaseRenewal__Output } from '../../noodle/v1/LeaseRenewal.ts';
import type { RunFinish as _noodle_v1_RunFinish, RunFinish__Output as _noodle_v1_RunFinish__Output } from '../../noodle/v1/RunFinish.ts';
import type { RunHandBack as _noodle_v1_RunHandBack, RunHandBack__Output as _noodle_v1_RunHandBack__Output } from '../../noodle/v1/RunHandBack.ts';
import type { RunProgress as _noodle_v1_RunProgress, RunProgress__Output as _noodle_v1_RunProgress__Output } from '../../noodle/v1/RunProgress.ts';

export interface WorkRequest {
  'hello'?: (_noodle_v1_WorkHello | null);
  'renewal'?: (_noodle_v1_LeaseRenewal | null);
  'finishes'?: (_noodle_v1_RunFinish)[];
  'handBacks'?: (_noodle_v1_RunHandBack)[];
  'progress'?: (_noodle_v1_RunProgress)[];
  'draining'?: (boolean);
}

export interface WorkRequest__Output {
  'hello': (_noodle_v1_WorkHello__Output | null);
  'renewal': (_noodle_v1_LeaseRenewal__Output | null);
  'finishes': (_noodle_v1_RunFinish__Output)[];
  'handBacks': (_noodle_v1_RunHandBack__Output)[];
  'progress': (_noodle_v1_RunProgress__Output)[];
  'draining': (boolean);
}
