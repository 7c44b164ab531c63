#!/bin/sh
# After the files are gone.
#	Debian:  postrm remove | purge | upgrade NEW-VERSION | ...
#	Red Hat: %postun 0 (remove) | 1 (upgrade: the new version is in place)
set -e

if [ -d /run/systemd/system ]; then
	systemctl daemon-reload
fi

case "$1" in
1)
	if [ -d /run/systemd/system ]; then
		systemctl try-restart yodel.service
	fi
	;;
purge)
	rm -rf /var/lib/yodel /etc/yodel/conf.d
	rmdir /etc/yodel 2>/dev/null || true
	;;
esac
