#!/bin/sh
# append-effect.sh LOG SECONDS succeed|fail|crash|poison
# A job with an effect that stays: a line in a log outside of both stores at its begin and at its end, each one append, synced.
note() {
  printf '%s %s %s %s\n' "$NOODLE_JOB_ID" "${NOODLE_FENCE:-0}" "$NOODLE_ATTEMPT" "$1" |
    dd of="$log" oflag=append conv=notrunc,fsync status=none
}
log=$1
note begin
sleep "$2"
case $3 in
  fail) exit 3 ;;
  crash) kill -s SEGV $$ ;;
  poison) kill -s KILL $PPID ;; # the worker that runs it, and with it all its other jobs
esac
note end
