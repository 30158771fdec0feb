#!/bin/bash
# boot.sh ROOT FOLDER COMMAND…: boots a copy of a system, ROOT, or / for this machine's own, with its systemd, and runs
# COMMAND there as root, in FOLDER, which is the only folder that is not a copy. What the copy writes is in memory, it has
# no network but its own loopback, and all ends with the command. Prints what COMMAND does. The exit status is the
# command's; 77: this machine boots no systemd in a container. Needs root.
#
# With BRIDGE and MACHINE the copy, which is then called MACHINE, also has an interface on this bridge, host0.
set -eu
root=$1 folder=$(realpath "$2")
shift 2

# A mount namespace of its own; systemd-nspawn makes the others.
if [[ -z ${IN_NAMESPACE:-} ]]; then
    ((EUID == 0)) && command -v systemd-nspawn >/dev/null && unshare --mount --pid --fork true || exit 77
    IN_NAMESPACE=1 exec unshare --mount --pid --fork --kill-child --mount-proc "$0" "$root" "$folder" "$@"
fi

# Systems in one control group would take each other's services for their own. With both kinds of groups systemd-nspawn
# makes those of the one in the other, too.
groups=()
mapfile -t lines </proc/self/cgroup
for line in "${lines[@]}"; do
    case $line in
        *:name=systemd:*) group=/sys/fs/cgroup/systemd${line#*:*:} ;;
        0::*) group=/sys/fs/cgroup$([[ ! -e /sys/fs/cgroup/unified ]] || echo /unified)${line#*:*:} ;;
        *) continue ;;
    esac
    group=${group%/}/boot${folder//\//-}
    mkdir -p "$group" 2>/dev/null || continue
    groups+=("$group")
    echo 0 >"$group/cgroup.procs" || true
done

leave_groups() {
    local group
    for group in "${groups[@]}"; do
        echo 0 >"${group%/*}/cgroup.procs" && find "$group" -depth -type d -exec rmdir {} +
    done
}

machine=$folder/machine
copy=$machine/copy
mkdir -p "$machine"
mount -t tmpfs tmpfs /run && mount -t tmpfs -o mode=0755 tmpfs "$machine" || exit 77
mkdir "$machine/written" "$machine/work" "$copy"
mount -t overlay overlay -o "lowerdir=$root,upperdir=$machine/written,workdir=$machine/work" "$copy" || exit 77
# Where packages are to start nothing, as on this machine, they are to there.
rm -f "$copy/usr/sbin/policy-rc.d"
# A system clears /tmp when it boots.
options=(--private-network --machine=machine)
[[ -z ${BRIDGE:-} ]] || options=(--network-bridge="$BRIDGE" --machine="$MACHINE")
tree=$(cd "${0%/*}/../.." && pwd)
[[ $tree != /tmp/* ]] || options+=(--overlay="$tree::$tree")
# systemd-nspawn puts a boot ID of its own over that of the kernel, which services with ProtectProc= still see.
{
    printf 'umount /proc/sys/kernel/random/boot_id\n'
    printf 'cd %q\n' "$folder"
    printf '%q ' exec "$@"
} >"$folder/command"
: >"$folder/status"
# The end of the command is the end of the system.
cat >"$copy/etc/systemd/system/boot-command.service" <<END
[Unit]
Requires=basic.target
After=basic.target
SuccessAction=exit-force
FailureAction=exit-force
[Service]
Type=oneshot
TimeoutStartSec=infinity
Environment=HOME=/root LANG=C.UTF-8 PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
ExecStart=/bin/bash $folder/command
ExecStopPost=/bin/sh -c 'echo "\$EXIT_STATUS" >$folder/status'
StandardOutput=append:$folder/output
StandardError=append:$folder/output
END
: >"$folder/output"
systemd-nspawn --quiet "${options[@]}" --register=no --keep-unit --link-journal=no --timezone=off --resolv-conf=off \
    --console=pipe --directory="$copy" --bind="$folder" --boot systemd.unit=boot-command.service \
    </dev/null >"$folder/boot.log" 2>&1 || true
leave_groups || true
cat "$folder/output"
[[ -s $folder/status ]] || exit 77
exit "$(<"$folder/status")"
