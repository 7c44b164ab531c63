#!/bin/sh
# After the files are unpacked.
#	Debian:  postinst configure [OLD-VERSION]
#	Red Hat: %post 1 (install) | 2 (upgrade)
set -e

# systemd before 235 does not know StateDirectory.
install -d -o yodel -g yodel -m 0750 /var/lib/yodel

if [ -d /run/systemd/system ]; then
	systemctl daemon-reload
fi

case "$1${2:+ }$2" in
configure | 1)
	cat <<-'HINT'
		yodel is installed and not started. Next:
		  put the fleet's gossip key and a few of its hosts into /etc/yodel/yodel.hcl
		  (encrypt, retry_join; a new key: head -c 32 /dev/urandom | base64)
		  yodel doctor
		  systemctl enable --now yodel
	HINT
	;;
"configure "*)
	if [ -d /run/systemd/system ]; then
		systemctl try-restart yodel.service
	fi
	;;
esac
