# The life of the Debian package, from installing to purging it.
told() { # what systemctl was told since the last time
	got=$(cat /told 2>/dev/null | tr '\n' ';'); rm -f /told
	[ "$got" = "$1" ]
}

# Installed: there, owned right, neither enabled nor started.
dpkg -i --force-depends /packages/first >/installed 2>&1 || { cat /installed; exit 1; }
grep -q 'systemctl enable --now yodel' /installed
told 'daemon-reload;'
[ "$(stat -c %U:%G:%a /etc/yodel/yodel.hcl)" = root:yodel:640 ]
[ "$(stat -c %U:%G:%a /etc/yodel)" = root:yodel:750 ]
[ "$(stat -c %U:%G:%a /var/lib/yodel)" = yodel:yodel:750 ]
case $(getent passwd yodel) in *:/var/lib/yodel:*/nologin) ;; *) exit 1 ;; esac
/usr/bin/yodel version
systemd-analyze verify --man=no --recursive-errors=no yodel.service
gzip -dc /usr/share/man/man8/yodel.8.gz >/dev/null

# Upgraded: the configuration stays ours, a running agent is restarted.
echo '# ours' >>/etc/yodel/yodel.hcl
echo identity >/var/lib/yodel/identity
dpkg -i --force-depends --force-confdef --force-confold /packages/second
told 'daemon-reload;daemon-reload;try-restart yodel.service;'
grep -q '^# ours' /etc/yodel/yodel.hcl

# Removed: stopped, and what is ours stays.
dpkg -r yodel
told '--no-reload disable --now yodel.service;daemon-reload;'
[ ! -e /usr/bin/yodel ]
[ ! -e /usr/lib/systemd/system/yodel.service ]
[ -e /etc/yodel/yodel.hcl ]
[ -e /var/lib/yodel/identity ]

# Purged: nothing stays but the user.
dpkg -P yodel
[ ! -e /etc/yodel ]
[ ! -e /var/lib/yodel ]
getent passwd yodel
echo the story ends well
