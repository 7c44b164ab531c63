#!/bin/sh
# Before the files go.
#	Debian:  prerm remove | upgrade NEW-VERSION
#	Red Hat: %preun 0 (remove) | 1 (upgrade)
set -e

case "$1" in
remove | 0)
	if [ -d /run/systemd/system ]; then
		systemctl --no-reload disable --now yodel.service
	fi
	;;
esac
