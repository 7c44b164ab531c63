#!/bin/sh
# Before the files are unpacked, on Debian and Red Hat alike: the user that
# some of them belong to. It stays when the package goes, so that its number is
# not given to another while files still have it.
set -e

nologin=/usr/sbin/nologin
[ -x "$nologin" ] || nologin=/sbin/nologin

getent group yodel >/dev/null || groupadd --system yodel
getent passwd yodel >/dev/null ||
	useradd --system --gid yodel --home-dir /var/lib/yodel --no-create-home \
		--shell "$nologin" --comment "yodel mesh agent" yodel
