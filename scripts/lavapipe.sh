#!/usr/bin/env bash
# Installs a current lavapipe (Mesa's software Vulkan) on Debian 12, whose own release Dawn refuses:
# it repeats the machine's own Debian source entry with the backports suite. Needs root.
set -euo pipefail
. /etc/os-release
if [ "${ID:-}" != debian ] || [ "${VERSION_CODENAME:-}" != bookworm ]; then
  echo "lavapipe.sh: this is not Debian 12; install your system's mesa-vulkan-drivers (Mesa 24 or later) instead." >&2
  exit 1
fi
list=/etc/apt/sources.list.d/ganc-backports.sources
entry=/etc/apt/sources.list.d/debian.sources
if [ -f "$entry" ]; then
  # The first stanza whose suites name plain bookworm, with the suites replaced.
  awk 'BEGIN{RS="";ORS="\n\n"} /Suites:[^\n]*(^|[ ])bookworm([ ]|\n)/{sub(/Suites:[^\n]*/,"Suites: bookworm-backports"); print; exit}' "$entry" > "$list"
else
  uri=$(awk '$1=="deb" && $0 ~ /bookworm( |$)/ {for(i=2;i<=NF;i++) if ($i ~ /^http/) {print $i; exit}}' /etc/apt/sources.list)
  printf 'Types: deb\nURIs: %s\nSuites: bookworm-backports\nComponents: main\n' "$uri" > "$list"
fi
apt-get update -q
DEBIAN_FRONTEND=noninteractive apt-get install -qy --no-install-recommends -t bookworm-backports mesa-vulkan-drivers libvulkan1
