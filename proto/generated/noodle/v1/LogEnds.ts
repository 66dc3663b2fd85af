// Original file: proto/noodle/v1/workers.proto


export interface LogEnds {
  'jobId'?: (string);
  'attempt'?: (number);
  'seqs'?: (number)[];
}

export interface LogEnds__Output {
  'jobId': (string);
  'attempt': (number);
  'seqs': (number)[];
}
