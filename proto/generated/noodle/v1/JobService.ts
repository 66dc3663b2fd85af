// Original file: proto/noodle/v1/jobs.proto

import type * as grpc from '@grpc/grpc-js'
import type { MethodDefinition } from '@grpc/proto-loader'
import type { CancelRequest as _noodle_v1_CancelRequest, CancelRequest__Output as _noodle_v1_CancelRequest__Output } from '../../noodle/v1/CancelRequest.ts';
import type { GetRequest as _noodle_v1_GetRequest, GetRequest__Output as _noodle_v1_GetRequest__Output } from '../../noodle/v1/GetRequest.ts';
import type { Job as _noodle_v1_Job, Job__Output as _noodle_v1_Job__Output } from '../../noodle/v1/Job.ts';
import type { ListRequest as _noodle_v1_ListRequest, ListRequest__Output as _noodle_v1_ListRequest__Output } from '../../noodle/v1/ListRequest.ts';
import type { ListResponse as _noodle_v1_ListResponse, ListResponse__Output as _noodle_v1_ListResponse__Output } from '../../noodle/v1/ListResponse.ts';
import type { ListTiersRequest as _noodle_v1_ListTiersRequest, ListTiersRequest__Output as _noodle_v1_ListTiersRequest__Output } from '../../noodle/v1/ListTiersRequest.ts';
import type { ListTiersResponse as _noodle_v1_ListTiersResponse, ListTiersResponse__Output as _noodle_v1_ListTiersResponse__Output } from '../../noodle/v1/ListTiersResponse.ts';
import type { ReplayRequest as _noodle_v1_ReplayRequest, ReplayRequest__Output as _noodle_v1_ReplayRequest__Output } from '../../noodle/v1/ReplayRequest.ts';
import type { SubmitRequest as _noodle_v1_SubmitRequest, SubmitRequest__Output as _noodle_v1_SubmitRequest__Output } from '../../noodle/v1/SubmitRequest.ts';
import type { SubmitResponse as _noodle_v1_SubmitResponse, SubmitResponse__Output as _noodle_v1_SubmitResponse__Output } from '../../noodle/v1/SubmitResponse.ts';
import type { SubmitStreamRequest as _noodle_v1_SubmitStreamRequest, SubmitStreamRequest__Output as _noodle_v1_SubmitStreamRequest__Output } from '../../noodle/v1/SubmitStreamRequest.ts';
import type { SubmitStreamResponse as _noodle_v1_SubmitStreamResponse, SubmitStreamResponse__Output as _noodle_v1_SubmitStreamResponse__Output } from '../../noodle/v1/SubmitStreamResponse.ts';
import type { WatchRequest as _noodle_v1_WatchRequest, WatchRequest__Output as _noodle_v1_WatchRequest__Output } from '../../noodle/v1/WatchRequest.ts';
import type { WatchResponse as _noodle_v1_WatchResponse, WatchResponse__Output as _noodle_v1_WatchResponse__Output } from '../../noodle/v1/WatchResponse.ts';

export interface JobServiceClient extends grpc.Client {
  Cancel(argument: _noodle_v1_CancelRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_noodle_v1_Job__Output>): grpc.ClientUnaryCall;
  Cancel(argument: _noodle_v1_CancelRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_noodle_v1_Job__Output>): grpc.ClientUnaryCall;
  Cancel(argument: _noodle_v1_CancelRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_noodle_v1_Job__Output>): grpc.ClientUnaryCall;
  Cancel(argument: _noodle_v1_CancelRequest, callback: grpc.requestCallback<_noodle_v1_Job__Output>): grpc.ClientUnaryCall;
  cancel(argument: _noodle_v1_CancelRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_noodle_v1_Job__Output>): grpc.ClientUnaryCall;
  cancel(argument: _noodle_v1_CancelRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_noodle_v1_Job__Output>): grpc.ClientUnaryCall;
  cancel(argument: _noodle_v1_CancelRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_noodle_v1_Job__Output>): grpc.ClientUnaryCall;
  cancel(argument: _noodle_v1_CancelRequest, callback: grpc.requestCallback<_noodle_v1_Job__Output>): grpc.ClientUnaryCall;
  
  Get(argument: _noodle_v1_GetRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_noodle_v1_Job__Output>): grpc.ClientUnaryCall;
  Get(argument: _noodle_v1_GetRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_noodle_v1_Job__Output>): grpc.ClientUnaryCall;
  Get(argument: _noodle_v1_GetRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_noodle_v1_Job__Output>): grpc.ClientUnaryCall;
  Get(argument: _noodle_v1_GetRequest, callback: grpc.requestCallback<_noodle_v1_Job__Output>): grpc.ClientUnaryCall;
  get(argument: _noodle_v1_GetRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_noodle_v1_Job__Output>): grpc.ClientUnaryCall;
  get(argument: _noodle_v1_GetRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_noodle_v1_Job__Output>): grpc.ClientUnaryCall;
  get(argument: _noodle_v1_GetRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_noodle_v1_Job__Output>): grpc.ClientUnaryCall;
  get(argument: _noodle_v1_GetRequest, callback: grpc.requestCallback<_noodle_v1_Job__Output>): grpc.ClientUnaryCall;
  
  List(argument: _noodle_v1_ListRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_noodle_v1_ListResponse__Output>): grpc.ClientUnaryCall;
  List(argument: _noodle_v1_ListRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_noodle_v1_ListResponse__Output>): grpc.ClientUnaryCall;
  List(argument: _noodle_v1_ListRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_noodle_v1_ListResponse__Output>): grpc.ClientUnaryCall;
  List(argument: _noodle_v1_ListRequest, callback: grpc.requestCallback<_noodle_v1_ListResponse__Output>): grpc.ClientUnaryCall;
  list(argument: _noodle_v1_ListRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_noodle_v1_ListResponse__Output>): grpc.ClientUnaryCall;
  list(argument: _noodle_v1_ListRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_noodle_v1_ListResponse__Output>): grpc.ClientUnaryCall;
  list(argument: _noodle_v1_ListRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_noodle_v1_ListResponse__Output>): grpc.ClientUnaryCall;
  list(argument: _noodle_v1_ListRequest, callback: grpc.requestCallback<_noodle_v1_ListResponse__Output>): grpc.ClientUnaryCall;
  
  ListTiers(argument: _noodle_v1_ListTiersRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_noodle_v1_ListTiersResponse__Output>): grpc.ClientUnaryCall;
  ListTiers(argument: _noodle_v1_ListTiersRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_noodle_v1_ListTiersResponse__Output>): grpc.ClientUnaryCall;
  ListTiers(argument: _noodle_v1_ListTiersRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_noodle_v1_ListTiersResponse__Output>): grpc.ClientUnaryCall;
  ListTiers(argument: _noodle_v1_ListTiersRequest, callback: grpc.requestCallback<_noodle_v1_ListTiersResponse__Output>): grpc.ClientUnaryCall;
  listTiers(argument: _noodle_v1_ListTiersRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_noodle_v1_ListTiersResponse__Output>): grpc.ClientUnaryCall;
  listTiers(argument: _noodle_v1_ListTiersRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_noodle_v1_ListTiersResponse__Output>): grpc.ClientUnaryCall;
  listTiers(argument: _noodle_v1_ListTiersRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_noodle_v1_ListTiersResponse__Output>): grpc.ClientUnaryCall;
  listTiers(argument: _noodle_v1_ListTiersRequest, callback: grpc.requestCallback<_noodle_v1_ListTiersResponse__Output>): grpc.ClientUnaryCall;
  
  Replay(argument: _noodle_v1_ReplayRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_noodle_v1_SubmitResponse__Output>): grpc.ClientUnaryCall;
  Replay(argument: _noodle_v1_ReplayRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_noodle_v1_SubmitResponse__Output>): grpc.ClientUnaryCall;
  Replay(argument: _noodle_v1_ReplayRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_noodle_v1_SubmitResponse__Output>): grpc.ClientUnaryCall;
  Replay(argument: _noodle_v1_ReplayRequest, callback: grpc.requestCallback<_noodle_v1_SubmitResponse__Output>): grpc.ClientUnaryCall;
  replay(argument: _noodle_v1_ReplayRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_noodle_v1_SubmitResponse__Output>): grpc.ClientUnaryCall;
  replay(argument: _noodle_v1_ReplayRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_noodle_v1_SubmitResponse__Output>): grpc.ClientUnaryCall;
  replay(argument: _noodle_v1_ReplayRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_noodle_v1_SubmitResponse__Output>): grpc.ClientUnaryCall;
  replay(argument: _noodle_v1_ReplayRequest, callback: grpc.requestCallback<_noodle_v1_SubmitResponse__Output>): grpc.ClientUnaryCall;
  
  Submit(argument: _noodle_v1_SubmitRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_noodle_v1_SubmitResponse__Output>): grpc.ClientUnaryCall;
  Submit(argument: _noodle_v1_SubmitRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_noodle_v1_SubmitResponse__Output>): grpc.ClientUnaryCall;
  Submit(argument: _noodle_v1_SubmitRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_noodle_v1_SubmitResponse__Output>): grpc.ClientUnaryCall;
  Submit(argument: _noodle_v1_SubmitRequest, callback: grpc.requestCallback<_noodle_v1_SubmitResponse__Output>): grpc.ClientUnaryCall;
  submit(argument: _noodle_v1_SubmitRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_noodle_v1_SubmitResponse__Output>): grpc.ClientUnaryCall;
  submit(argument: _noodle_v1_SubmitRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_noodle_v1_SubmitResponse__Output>): grpc.ClientUnaryCall;
  submit(argument: _noodle_v1_SubmitRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_noodle_v1_SubmitResponse__Output>): grpc.ClientUnaryCall;
  submit(argument: _noodle_v1_SubmitRequest, callback: grpc.requestCallback<_noodle_v1_SubmitResponse__Output>): grpc.ClientUnaryCall;
  
  SubmitStream(metadata: grpc.Metadata, options?: grpc.CallOptions): grpc.ClientDuplexStream<_noodle_v1_SubmitStreamRequest, _noodle_v1_SubmitStreamResponse__Output>;
  SubmitStream(options?: grpc.CallOptions): grpc.ClientDuplexStream<_noodle_v1_SubmitStreamRequest, _noodle_v1_SubmitStreamResponse__Output>;
  submitStream(metadata: grpc.Metadata, options?: grpc.CallOptions): grpc.ClientDuplexStream<_noodle_v1_SubmitStreamRequest, _noodle_v1_SubmitStreamResponse__Output>;
  submitStream(options?: grpc.CallOptions): grpc.ClientDuplexStream<_noodle_v1_SubmitStreamRequest, _noodle_v1_SubmitStreamResponse__Output>;
  
  Watch(argument: _noodle_v1_WatchRequest, metadata: grpc.Metadata, options?: grpc.CallOptions): grpc.ClientReadableStream<_noodle_v1_WatchResponse__Output>;
  Watch(argument: _noodle_v1_WatchRequest, options?: grpc.CallOptions): grpc.ClientReadableStream<_noodle_v1_WatchResponse__Output>;
  watch(argument: _noodle_v1_WatchRequest, metadata: grpc.Metadata, options?: grpc.CallOptions): grpc.ClientReadableStream<_noodle_v1_WatchResponse__Output>;
  watch(argument: _noodle_v1_WatchRequest, options?: grpc.CallOptions): grpc.ClientReadableStream<_noodle_v1_WatchResponse__Output>;
  
}

export interface JobServiceHandlers extends grpc.UntypedServiceImplementation {
  Cancel: grpc.handleUnaryCall<_noodle_v1_CancelRequest__Output, _noodle_v1_Job>;
  
  Get: grpc.handleUnaryCall<_noodle_v1_GetRequest__Output, _noodle_v1_Job>;
  
  List: grpc.handleUnaryCall<_noodle_v1_ListRequest__Output, _noodle_v1_ListResponse>;
  
  ListTiers: grpc.handleUnaryCall<_noodle_v1_ListTiersRequest__Output, _noodle_v1_ListTiersResponse>;
  
  Replay: grpc.handleUnaryCall<_noodle_v1_ReplayRequest__Output, _noodle_v1_SubmitResponse>;
  
  Submit: grpc.handleUnaryCall<_noodle_v1_SubmitRequest__Output, _noodle_v1_SubmitResponse>;
  
  SubmitStream: grpc.handleBidiStreamingCall<_noodle_v1_SubmitStreamRequest__Output, _noodle_v1_SubmitStreamResponse>;
  
  Watch: grpc.handleServerStreamingCall<_noodle_v1_WatchRequest__Output, _noodle_v1_WatchResponse>;
  
}

export interface JobServiceDefinition extends grpc.ServiceDefinition {
  Cancel: MethodDefinition<_noodle_v1_CancelRequest, _noodle_v1_Job, _noodle_v1_CancelRequest__Output, _noodle_v1_Job__Output>
  Get: MethodDefinition<_noodle_v1_GetRequest, _noodle_v1_Job, _noodle_v1_GetRequest__Output, _noodle_v1_Job__Output>
  List: MethodDefinition<_noodle_v1_ListRequest, _noodle_v1_ListResponse, _noodle_v1_ListRequest__Output, _noodle_v1_ListResponse__Output>
  ListTiers: MethodDefinition<_noodle_v1_ListTiersRequest, _noodle_v1_ListTiersResponse, _noodle_v1_ListTiersRequest__Output, _noodle_v1_ListTiersResponse__Output>
  Replay: MethodDefinition<_noodle_v1_ReplayRequest, _noodle_v1_SubmitResponse, _noodle_v1_ReplayRequest__Output, _noodle_v1_SubmitResponse__Output>
  Submit: MethodDefinition<_noodle_v1_SubmitRequest, _noodle_v1_SubmitResponse, _noodle_v1_SubmitRequest__Output, _noodle_v1_SubmitResponse__Output>
  SubmitStream: MethodDefinition<_noodle_v1_SubmitStreamRequest, _noodle_v1_SubmitStreamResponse, _noodle_v1_SubmitStreamRequest__Output, _noodle_v1_SubmitStreamResponse__Output>
  Watch: MethodDefinition<_noodle_v1_WatchRequest, _noodle_v1_WatchResponse, _noodle_v1_WatchRequest__Output, _noodle_v1_WatchResponse__Output>
}
