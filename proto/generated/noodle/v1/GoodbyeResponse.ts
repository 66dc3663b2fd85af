// Original file: proto/noodle/v1/workers.proto


export interface GoodbyeResponse {
}

export interface GoodbyeResponse__Output {
}
