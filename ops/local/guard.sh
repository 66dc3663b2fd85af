#!/bin/sh
# guard.sh SIGNAL PROGRAM ARG...   Runs a program that must not outlive whoever started it.
# Standard input is a pipe that the starter holds open. Its end means that the starter is gone, by kill -9 too: after 2 s, in which the starter's other
# children may finish, the program gets SIGNAL, and SIGKILL should it not end within 20 s. TERM, INT, HUP, QUIT and USR1 are passed on to the program.
# Exits as the program does.
stop=$1
shift
# Background commands of a shell get /dev/null as standard input, so the pipe moves to another number.
exec 3<&0 </dev/null
"$@" 3<&- &
program=$!
for signal in TERM INT HUP QUIT USR1; do
  # shellcheck disable=SC2064 -- the names are wanted as they are now
  trap "kill -s $signal $program 2>/dev/null" "$signal"
done
(
  trap '' TERM INT HUP QUIT USR1
  while read -r _ <&3; do :; done
  sleep 2
  kill -s "$stop" "$program" 2>/dev/null || exit 0
  left=20
  while [ "$left" -gt 0 ] && kill -0 "$program" 2>/dev/null; do
    sleep 1
    left=$((left - 1))
  done
  kill -s KILL "$program" 2>/dev/null
) >/dev/null 2>&1 &
watcher=$!
exec 3<&-
# A signal ends `wait` early; the program has ended when it can't be found any more.
while :; do
  wait "$program"
  code=$?
  kill -0 "$program" 2>/dev/null || break
done
kill -s KILL "$watcher" 2>/dev/null
exit "$code"
