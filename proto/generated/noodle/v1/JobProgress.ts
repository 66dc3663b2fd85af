// Original file: proto/noodle/v1/jobs.proto


export interface JobProgress {
  'attempt'?: (number);
  'progress'?: (number | string);
  'note'?: (string);
  '_note'?: "note";
}

export interface JobProgress__Output {
  'attempt': (number);
  'progress': (number);
  'note'?: (string);
  '_note'?: "note";
}
