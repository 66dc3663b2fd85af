// Original file: proto/noodle/v1/workers.proto

import type { RunId as _noodle_v1_RunId, RunId__Output as _noodle_v1_RunId__Output } from '../../noodle/v1/RunId.ts';
import type { StoredArtifact as _noodle_v1_StoredArtifact, StoredArtifact__Output as _noodle_v1_StoredArtifact__Output } from '../../noodle/v1/StoredArtifact.ts';

export interface KeepArtifactsRequest {
  'run'?: (_noodle_v1_RunId | null);
  'artifacts'?: (_noodle_v1_StoredArtifact)[];
}

export interface KeepArtifactsRequest__Output {
  'run': (_noodle_v1_RunId__Output | null);
  'artifacts': (_noodle_v1_StoredArtifact__Output)[];
}
