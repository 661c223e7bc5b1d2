#!/bin/sh
# Last touches to a bare Debian image, run by mmdebstrap from outside with the new root as $1.
set -eu
root=$1

# Each guest gets its own host keys and machine id from outside, before its first boot.
rm -f "$root"/etc/ssh/ssh_host_*
: >"$root/etc/machine-id"

# The machine's clock may be off the archive's.
cat >"$root/etc/apt/apt.conf.d/80lab" <<'EOF'
Acquire::Check-Valid-Until "false";
Acquire::Check-Date "false";
EOF

# The engine mounts its own /etc/hostname over the guest's: a file nobody can replace. Give the guest its own back.
cat >"$root/etc/systemd/system/lab-own-hostname.service" <<'EOF'
[Unit]
Description=Uncover the guest's own /etc/hostname
DefaultDependencies=no
Before=sysinit.target
ConditionPathIsMountPoint=/etc/hostname
[Service]
Type=oneshot
ExecStart=umount /etc/hostname
[Install]
WantedBy=sysinit.target
EOF
ln -s ../lab-own-hostname.service "$root/etc/systemd/system/sysinit.target.wants/lab-own-hostname.service"

# Nothing may take apt's lock behind a test's back.
rm -f "$root"/etc/systemd/system/timers.target.wants/apt-daily*.timer

# A guest may not set this machine's clock (it lacks CAP_SYS_TIME), and Debian's chrony then refuses to start: let it run
# without steering (chronyd(8), -x).
mkdir -p "$root/usr/lib/systemd/system/chrony.service.d"
cat >"$root/usr/lib/systemd/system/chrony.service.d/lab.conf" <<'EOF'
[Unit]
ConditionCapability=
[Service]
ExecStart=
ExecStart=!/usr/sbin/chronyd -x -F 1
EOF
