# shellcheck shell=bash
# What ./run, ./test, ./bench and .ci/run share: say, install what is missing, configure, build. Sourced with `root` set.

logs="${root:?"set it before sourcing this"}/build/logs"
if [[ -t 2 ]]; then bold=$'\e[1m' red=$'\e[31m' plain=$'\e[0m'; else bold='' red='' plain=''; fi

say() { printf '%s%s%s\n' "$bold" "$*" "$plain" >&2; }
# die WHAT [HOW TO MEND IT…]
die() {
  printf '%s%s%s\n' "$red" "$1" "$plain" >&2
  shift
  for hint in "$@"; do printf '  %s\n' "$hint" >&2; done
  exit 1
}

# step LOG WHAT COMMAND…: runs the command into a log and shows its latest line, or its last thirty when it fails.
step() {
  local log="$logs/$1" what=$2 ticker='' status=0
  shift 2
  mkdir -p "$logs"
  : >"$log"
  say "$what …"
  if [[ -t 2 ]]; then
    show_latest_line "$log" $$ &
    ticker=$!
  fi
  "$@" >"$log" 2>&1 || status=$?
  if [[ -n $ticker ]]; then
    kill "$ticker"
    wait "$ticker" || true
    printf '\r\e[K' >&2
  fi
  if ((status != 0)); then tail -n 30 "$log" >&2; fi
  return "$status"
}

show_latest_line() {  # LOG OWNER: until it is killed or its owner is gone
  local started=$SECONDS
  while kill -0 "$2" 2>/dev/null; do
    printf '\r\e[K  %ds  %.100s' $((SECONDS - started)) "$(tail -n 1 "$1" | tr -d '\r')" >&2
    sleep 0.2
  done
}

packages_of() {  # SECTION…: the packages of these sections
  local section wanted
  for section in "$@"; do
    wanted+=" [$section] "
  done
  awk -v wanted="$wanted" '{ sub(/#.*/, "") } /^\[/ { on = index(wanted, " " $1 " ") } /^[a-z]/ && on { print $1 }' \
    "$root/packaging/debian-packages.txt"
}

missing_of() {  # SECTION…: those of them that neither are installed nor are provided by something installed
  awk 'NR == FNR { gsub(/,|\([^)]*\)/, " "); for (i = 2; i <= NF; i++) if ($1 == "installed") have[$i]; next }
       !($1 in have) { print $1 }' \
    <(dpkg-query -W -f '${db:Status-Status} ${Package} ${Provides}\n') <(packages_of "$@")
}

as_root() { if ((EUID == 0)); then "$@"; else sudo "$@"; fi; }

# Debian starts a service when its package is installed. The tests start their own, so a policy says no meanwhile.
# shellcheck disable=SC2016  # expanded by the inner shell
install_quietly() {
  as_root env DEBIAN_FRONTEND=noninteractive bash -c '
    policy=/usr/sbin/policy-rc.d
    if [[ ! -e $policy ]]; then
      trap "rm -f $policy" EXIT
      printf "#!/bin/sh\nexit 101\n" >$policy
      chmod 755 $policy
    fi
    dpkg --configure -a  # what an interrupted run left half-way
    apt-get update -q || echo "apt-get update failed: going on with the package lists at hand"
    apt-get install -q -y --no-install-recommends -o Dpkg::Use-Pty=0 "$@" || exit 1
    if [[ -d /run/systemd/system ]]; then
      for service in nginx glewlwyd; do
        case " $* " in *" $service"*) systemctl disable "$service" || true ;; esac
      done
    fi
  ' install "$@"
}

ensure_packages() {  # SECTION…
  local missing
  if ! command -v dpkg-query >/dev/null; then
    command -v clang++-19 >/dev/null && return
    die "This machine has no Debian package manager, and no clang++-19." \
      "Debian 12 is what these scripts know. Elsewhere, install what packaging/debian-packages.txt lists."
  fi
  missing=$(missing_of "$@" | xargs)
  [[ -z $missing ]] && return
  if ((EUID != 0)) && ! command -v sudo >/dev/null; then
    die "Debian packages are missing, and installing them takes root or sudo. As root, run:" \
      "apt-get update && apt-get install --no-install-recommends $missing"
  fi
  ((EUID == 0)) || sudo -v || die "sudo did not let us in. As root, run:" "apt-get install --no-install-recommends $missing"
  # shellcheck disable=SC2086  # a list of words
  step packages.log "Installing Debian packages: $missing" install_quietly $missing ||
    die "Installing packages failed (all of it: build/logs/packages.log)." \
      "Check the network and /etc/apt/sources.list (Debian 12, bookworm), then try again."
}

# Configured anew only where the presets changed: ninja itself watches the CMake files.
configure() {  # PRESET
  local dir="$root/build/$1"
  [[ -e $dir/build.ninja && $dir/build.ninja -nt $root/CMakePresets.json ]] && return
  (cd "$root" && step configure.log "Configuring ($1)" cmake --preset "$1") ||
    die "Configuring failed (all of it: build/logs/configure.log)." "If the tools changed, remove build/$1 and try again."
  touch "$dir/build.ninja"
}

build() {  # PRESET TARGET…
  local preset=$1
  shift
  configure "$preset"
  say "Building ($preset) …"
  NINJA_STATUS='[%f/%t, %es] ' cmake --build "$root/build/$preset" --target "$@" >&2 ||
    die "The build failed: the first error above says where." \
      "If it says \"Killed\", memory ran out: CMAKE_BUILD_PARALLEL_LEVEL=1 $0 compiles one file at a time."
}

# The npm packages of FOLDER, as its lock file names them; again only when the lock file or node changed.
ensure_npm() {  # FOLDER
  local dir="$root/$1" key
  [[ -e $dir/package-lock.json ]] || return 0
  key=$(cat "$dir/package.json" "$dir/package-lock.json" <(node --version) | sha256sum)
  [[ $key == "$(cat "$dir/node_modules/.installed-for" 2>/dev/null)" ]] && return
  step npm.log "Installing npm packages for $1" npm ci --prefix "$dir" --no-audit --no-fund --no-update-notifier ||
    die "npm ci in $1 failed (all of it: build/logs/npm.log)." "Check the network and npm's registry setting, then try again."
  printf '%s\n' "$key" >"$dir/node_modules/.installed-for"
}
