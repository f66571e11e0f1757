#!/bin/sh
# Turns new mount, process, control group and network namespaces into a host of its own, as whose first process it stays.
#   OWN_NETWORK=true|false set-up.sh FOLDER KEPT...    KEPT: folders that both sides see, wherever they are
# What is written below /run, /etc, /opt and /var/lib goes to memory, what runtimes store to FOLDER/state.
set -eu
folder=$1
# The old /proc has the machine's id of this process.
read -r pid rest </proc/self/stat
memory=$folder/memory
mkdir "$memory"
mount -t tmpfs -o mode=755 podlane "$memory"
mkdir "$memory/run" "$memory/run/netns" "$memory/run/lock"
for kept; do
  case $kept in
    /run/*)
      mkdir -p "$memory$kept"
      mount --bind "$kept" "$memory$kept"
      ;;
  esac
done

# Mounts and namespaces of others are neither seen nor held.
awk '$5 ~ "^/(run|var/lib)(/|$)" || / - nsfs / { print $5 }' /proc/self/mountinfo | tac | while read -r path; do
  case $path in "$memory" | "$memory"/*) ;; *) umount -l "$path" ;; esac
done
mount --make-rprivate /
mount --rbind "$memory/run" /run

for path in etc opt var/lib; do
  name=$(echo $path | tr / -)
  mkdir "$memory/$name" "$memory/$name-work"
  mount -t overlay -o "lowerdir=/$path,upperdir=$memory/$name,workdir=$memory/$name-work" overlay /$path
done
# A layer of overlayfs cannot be made of overlayfs, nor of a share of the guest's host.
state=$folder/state
case $(stat -f -c %T "$folder") in
  overlayfs | fuseblk | virtiofs | UNKNOWN*) state=$memory/state ;;
esac
for name in docker containerd containers cni; do
  mkdir -p "$state/$name" /var/lib/$name
  mount --bind "$state/$name" /var/lib/$name
done

mount -t proc proc /proc
# dockerd raises the machine's quota of keys.
if [ -d /proc/sys/kernel/keys ]; then mount --bind -o ro /proc/sys/kernel/keys /proc/sys/kernel/keys; fi
# A new network namespace needs a /sys that shows its interfaces.
if [ "$OWN_NETWORK" = true ]; then
  mounted=$(grep -oE ' /sys/kernel/(tracing tracefs|debug debugfs) ' /proc/self/mounts || true)
  mount -t sysfs sysfs /sys
  case $mounted in *tracefs*) mount -t tracefs tracefs /sys/kernel/tracing ;; esac
  case $mounted in *debugfs*) mount -t debugfs debugfs /sys/kernel/debug ;; esac
else
  umount -R -l /sys/fs/cgroup
fi
mount -t bpf bpf /sys/fs/bpf

# The root of each hierarchy is now this host's control group.
if grep -q '^cgroup ' "$folder/hierarchies"; then mount -t tmpfs -o mode=755 cgroup /sys/fs/cgroup; fi
while read -r type path options; do
  mkdir -p "$path"
  mount -t "$type" -o "$options" "$type" "$path"
  if [ "$type" = cgroup2 ]; then
    # Only a group without processes of its own passes controllers on.
    mkdir "$path/init"
    echo $$ >"$path/init/cgroup.procs"
    for controller in $(cat "$path/cgroup.controllers"); do
      echo "+$controller" >"$path/cgroup.subtree_control" || true
    done
  fi
done <"$folder/hierarchies"

ip link set lo up
echo 1 >/proc/sys/net/ipv4/ip_forward
echo 1 >/proc/sys/net/ipv6/conf/all/forwarding || true
echo "ready $pid"
exec >/dev/null 2>&1
sleep infinity &
# Ends with it, and takes in the meantime what processes leave behind that have lost their parents.
wait
