#!/bin/sh
# Makes a package:  deploy/package.sh deb|rpm
#
#	BINARY   the program, built for ARCH; default bin/yodel
#	NATIVE   the program, built for this machine; default BINARY
#	ARCH     as Go spells it; default amd64
#	VERSION  default from git
#	CONFIG   the configuration to install; default deploy/yodel.hcl
#	OUT      the directory for the package; default dist
#
# Prints the path of the package. The same commit gives the same bytes.
set -eu

kind=${1:?usage: deploy/package.sh deb|rpm}
cd "$(dirname "$0")/.."

# The newest whose modules all come from the module proxy.
nfpm=github.com/goreleaser/nfpm/v2/cmd/nfpm@v2.44.2

BINARY=${BINARY:-bin/yodel}
NATIVE=${NATIVE:-$BINARY}
ARCH=${ARCH:-amd64}
CONFIG=${CONFIG:-deploy/yodel.hcl}
OUT=${OUT:-dist}
if [ -z "${VERSION:-}" ]; then
	VERSION=$(git describe --tags --match 'v*' 2>/dev/null ||
		echo "v0.0.0-dev.$(git rev-list --count HEAD)+g$(git rev-parse --short HEAD)")
fi
SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct)}
export BINARY ARCH CONFIG VERSION SOURCE_DATE_EPOCH

case $NATIVE in
/*) ;;
*) NATIVE=./$NATIVE ;;
esac
GENERATED=$(mktemp -d)
export GENERATED
trap 'rm -rf "$GENERATED"' EXIT
"$NATIVE" completion bash >"$GENERATED/yodel.bash"
"$NATIVE" completion zsh >"$GENERATED/_yodel"
"$NATIVE" completion fish >"$GENERATED/yodel.fish"
gzip -9nc deploy/yodel.8 >"$GENERATED/yodel.8.gz"
touch -d "@$SOURCE_DATE_EPOCH" "$GENERATED"/*

mkdir -p "$OUT"
GOFLAGS=-mod=mod go run "$nfpm" package --config deploy/nfpm.yaml --packager "$kind" --target "$OUT" |
	sed -n 's/^created package: //p'
