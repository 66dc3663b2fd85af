// Original file: proto/noodle/v1/jobs.proto

import type { Tier as _noodle_v1_Tier, Tier__Output as _noodle_v1_Tier__Output } from '../../noodle/v1/Tier.ts';

export interface ListTiersResponse {
  'items'?: (_noodle_v1_Tier)[];
}

export interface ListTiersResponse__Output {
  'items': (_noodle_v1_Tier__Output)[];
}
