# The life of the Red Hat package. The database of packages here is empty, so
# what it depends on is not asked.
told() { # what systemctl was told since the last time
	got=$(cat /told 2>/dev/null | tr '\n' ';'); rm -f /told
	[ "$got" = "$1" ]
}
mkdir /database
rpm() { command rpm --dbpath /database "$@"; }

rpm -i --nodeps /packages/first >/installed 2>&1 || { cat /installed; exit 1; }
grep -q 'systemctl enable --now yodel' /installed
told 'daemon-reload;'
[ "$(stat -c %U:%G:%a /etc/yodel/yodel.hcl)" = root:yodel:640 ]
[ "$(stat -c %U:%G:%a /etc/yodel)" = root:yodel:750 ]
[ "$(stat -c %U:%G:%a /var/lib/yodel)" = yodel:yodel:750 ]
/usr/bin/yodel version
systemd-analyze verify --man=no --recursive-errors=no yodel.service
rpm -V --nodeps yodel

echo '# ours' >>/etc/yodel/yodel.hcl
echo identity >/var/lib/yodel/identity
rpm -U --nodeps /packages/second
told 'daemon-reload;daemon-reload;try-restart yodel.service;'
grep -q '^# ours' /etc/yodel/yodel.hcl

rpm -e yodel
told '--no-reload disable --now yodel.service;daemon-reload;'
[ ! -e /usr/bin/yodel ]
[ ! -e /usr/lib/systemd/system/yodel.service ]
[ -e /etc/yodel/yodel.hcl.rpmsave ]
[ -e /var/lib/yodel/identity ]
echo the story ends well
