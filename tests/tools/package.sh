#!/bin/bash
# package.sh RELEASE: makes the Debian package in this release, has lintian look at it there, and tests it in a fresh
# installation of the release (tests/slow/package.bash). Needs root.
set -eu
here=$(cd "${0%/*}/../.." && pwd)
release=$1
folder=$here/build/slow/package-$release
root=$here/build/release/$release-$(dpkg --print-architecture)

"$here/tests/tools/in-release.sh" "$release" sh -ec '
    make --no-print-directory deps SETS=package
    make --no-print-directory deb
    lintian --fail-on error,warning build/package/token.fcgi_*.deb'
rm -rf "$folder"
mkdir -p "$folder"
cp "$root"/srv/token.fcgi/build/package/token.fcgi_*.deb "$here/tests/slow/package.bash" "$here/tests/integration/wait.bash" \
    "$here/src/doc/install-debian.md" "$folder"
"$here/tests/tools/in-release.sh" "$release" --fresh="$folder" bash package.bash
