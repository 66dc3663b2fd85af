// Original file: proto/noodle/v1/workers.proto


export interface WriteLogsResponse {
  'taken'?: (boolean)[];
}

export interface WriteLogsResponse__Output {
  'taken': (boolean)[];
}
