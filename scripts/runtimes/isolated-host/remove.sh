#!/bin/sh
# Waits for the end of standard input, which ends at the latest with the process that opened the host, and removes it.
#   remove.sh NAME FOLDER GROUP...    GROUP: its control group in each hierarchy
trap '' HUP INT TERM
name=$1
folder=$2
shift 2
cat >/dev/null

processes() { find "$1" -name cgroup.procs -exec cat {} + 2>/dev/null | sort -u; }

for group; do
  tries=0
  while pids=$(processes "$group") && [ -n "$pids" ] && [ $tries -lt 600 ]; do
    kill -KILL $pids 2>/dev/null
    tries=$((tries + 1))
    sleep 0.05
  done
done
# A process leaves its groups a moment after it has ended.
for group; do
  tries=0
  while [ -d "$group" ] && [ $tries -lt 100 ]; do
    find "$group" -depth -type d -exec rmdir {} + 2>/dev/null
    [ -d "$group" ] && sleep 0.05
    tries=$((tries + 1))
  done
done
if [ -e "/run/netns/$name-outside" ]; then ip netns delete "$name-outside"; fi
rm -rf --one-file-system "$folder"
