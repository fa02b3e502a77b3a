#!/usr/bin/env bash
# Does without a container engine what one would do with the Dockerfile, then tries the result:
#   sudo deploy/prove.sh MODELS [BASE]
# MODELS is a folder of bundles. BASE is a root file system that stands in for python:3.11-slim
# (default: this machine's own). Every RUN and COPY of target `cpu` is executed as written, in an
# overlay in memory. The result runs as a container does: process 1, the image's user, no
# capabilities, read-only root, no network but loopback, only /tmp writable.
# It needs Linux, root, and some 2 GB of memory. It leaves nothing behind.
set -euo pipefail
if [[ ${1:-} != --inside ]]; then
  [[ $# -ge 1 && -d $1 ]] || { sed -n '2,8s/^# //p' "$0"; exit 2; }
  [[ $EUID == 0 ]] || { echo "prove.sh: root is needed for overlays and namespaces"; exit 2; }
  exec unshare --mount --propagation private "$0" --inside "$(realpath "$1")" "${2:-/}"
fi
models=$2 base=$3
here=$(cd "$(dirname "$0")" && pwd)
python=$(python3 -c 'import sys; print(sys.executable)')
image() { "$python" -I -B "$here/dockerfile.py" "$@"; }
step() { printf '\n== %s\n' "$*"; }
fail() { printf 'FAILED: %s\n' "$*"; exit 1; }

work=$(mktemp -d) server=
finish() { [[ -z $server ]] || kill -KILL "$server" 2>/dev/null || true; umount -R -l "$work"; rmdir "$work"; }
trap finish EXIT
mount -t tmpfs -o mode=755 tmpfs "$work"
mkdir "$work/context"
image context | tar -C "$here/.." -cf - -T - | tar -C "$work/context" -xf -

# ---- a builder in five functions; `dockerfile.py plan` calls them
declare -A layers=()
root='' folder=/
overlay() { # NAME LAYERS: a writable root over these layers
  root=$work/$1/root layers[$1]=$work/$1/upper:$2
  mkdir -p "$work/$1"/{upper,work,root}
  mount -t overlay overlay -o "lowerdir=$2,upperdir=$work/$1/upper,workdir=$work/$1/work" "$root"
}
stage() { step "FROM $2 AS $1"; overlay "$1" "${layers[$2]}"; }
workdir() { folder=$1; mkdir -p "$root$folder"; }
run() ( # a subshell in its own mount namespace: what is mounted for a RUN ends with it
  # shellcheck disable=SC2016 # expanded by the inner shell
  unshare --mount bash -euc '
    root=$1 folder=$2 command=$3; shift 3
    mount -t proc proc "$root/proc"; mount --rbind /dev "$root/dev"; mount -t tmpfs tmpfs "$root/tmp"
    for file in /etc/resolv.conf /etc/hosts /etc/ssl/certs/ca-certificates.crt; do
      [[ ! -e $file || ! -e $root$file ]] || mount --bind "$file" "$root$file"
    done
    mapfile -t network < <(env | grep -iE "^(pip_|ssl_cert|https?_proxy|no_proxy)")
    exec chroot "$root" env -i HOME=/root "${network[@]}" "$@" sh -ec "cd $folder; $command"
  ' run "$root" "$folder" "$@"
)
place() { # DESTINATION SOURCE...: folders give their contents, files go into folders
  local to=$1; shift
  [[ $to == /* ]] || to=$folder/$to
  for source; do
    if [[ -d $source ]]; then mkdir -p "$root$to"; cp -a "$source/." "$root$to/"
    else mkdir -p "$root$to"; cp -a "$source" "$root$to/"; fi
  done
}
copy() { local all=("${@:1:$#-1}"); place "${!#}" "${all[@]/#/$work/context/}"; }
copy_from() { place "$3" "$work/$1/root$2"; }

# ---- the base: python where python:3.11-slim has it, with nothing but pip
overlay base "$base"
if [[ ! -x $root/usr/local/bin/python ]]; then
  step "a stand-in for python:3.11-slim: $base with Python"
  prefix=$("$python" -c 'import sys; assert sys.version_info[:2] == (3, 11); print(sys.base_prefix)')
  tar -C "$prefix" --exclude=site-packages --exclude=./bin -cf - . | tar -C "$root/usr/local" -xf -
  mkdir -p "$root"/usr/local/{bin,lib/python3.11/site-packages}
  cp -L "$prefix/bin/python3.11" "$root/usr/local/bin/python"
  ln -s python "$root/usr/local/bin/python3"
  run "ldconfig; python -m ensurepip --default-pip >/dev/null 2>&1" \
    PATH=/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin
fi

step "building target cpu as the Dockerfile says"
export PIP_NO_INPUT=1 PIP_PROGRESS_BAR=off PIP_QUIET=2 PIP_NO_CACHE_DIR=${PIP_NO_CACHE_DIR-1}
steps=$(image plan cpu)
eval "$steps"
du -sh "$work"/{libraries,project,runtime,cpu}/upper | sed "s|$work/||"
for gone in setuptools pip torch; do
  ! compgen -G "$root/opt/venv/lib/python3.11/site-packages/$gone" >/dev/null || fail "$gone is in the image"
done

step "no shared library is missing (so no apt package is)"
missing=$(find "$root/opt/venv" -name '*.so*' -type f -printf '/opt/venv/%P\n' |
  xargs chroot "$root" ldd 2>/dev/null | grep 'not found' | sort -u) || true
[[ -z $missing ]] || fail "$missing"
find "$root/opt/venv" -name '*.so*' -type f -printf '/opt/venv/%P\n' | xargs chroot "$root" ldd |
  awk '$3 ~ "^/(usr/)?lib" {print $1}' | sort -u | xargs echo "from the base image:"

# ---- a container in one function
mount --bind "$models" "$root/models"
mount -o remount,bind,ro "$root/models"
mount -t tmpfs -o size=64m,mode=1777,noexec,nosuid,nodev tmpfs "$root/tmp"
mount -t tmpfs -o mode=755 tmpfs "$root/dev"
for node in null zero full random urandom; do touch "$root/dev/$node"; mount --bind "/dev/$node" "$root/dev/$node"; done
mount -o remount,ro,bind "$root/dev"
mount -o remount,ro "$root"
mapfile -t variables < <(image environment cpu)
variables+=(THALAMUS_ALLOW_ANONYMOUS=true) # its only network is loopback
mapfile -t command < <(image command cpu)
mapfile -t health < <(image healthcheck cpu)
ids=$(image user cpu)
contained=(chroot "$root" "$(command -v setpriv)" --reuid "${ids%:*}" --regid "${ids#*:}" --clear-groups
  --no-new-privs --inh-caps=-all --bounding-set=-all env -i "${variables[@]}")
loopback='import fcntl, socket, struct
fcntl.ioctl(socket.socket(), 0x8914, struct.pack("16sh14x", b"lo", 65))  # SIOCSIFFLAGS: up, running'
inside() { nsenter --target "$process" --net "${contained[@]}" "$@"; }

step "${command[*]} (user $ids, read-only root, no capabilities, loopback only)"
# shellcheck disable=SC2016 # expanded by the inner shell
unshare --pid --net --ipc --uts --fork --kill-child bash -euc '
  mount -t proc proc "$1/proc"; "$2" -c "$3"; shift 3; exec "$@"' \
  contained "$root" "$python" "$loopback" "${contained[@]}" "${command[@]}" 2>"$work/log" &
server=$!
for _ in {1..600}; do
  kill -0 "$server" 2>/dev/null || { cat "$work/log"; fail "it ended"; }
  process=$(pgrep -P "$server" || true)
  if [[ -n $process ]] && inside "${health[@]}" 2>/dev/null; then break; fi
  sleep 0.2
done
inside "${health[@]}" || { cat "$work/log"; fail "not ready"; }
echo "HEALTHCHECK: healthy"
grep -E '^(Uid|NoNewPrivs|CapEff|CapBnd|NSpid)' "/proc/$process/status"

step "nothing is writable but /tmp"
for place in / /opt/venv /opt/venv/lib/python3.11/site-packages/app /models /usr /etc /dev /nonexistent; do
  ! inside sh -c "touch $place/probe" 2>/dev/null || fail "$place is writable"
done
inside sh -c 'touch /tmp/probe && rm /tmp/probe' && echo "/tmp: writable, all others refused"

client='
import http.client, json, os, pathlib, signal, sys, time
case_file = next(pathlib.Path("/models").glob("*/*/golden/cases.json"), None)
if case_file is None: sys.exit("no bundle: no request was made")
case = json.loads(case_file.read_text())[0]
body = (case_file.parent / case["file"]).read_bytes()
link = http.client.HTTPConnection("127.0.0.1", int(os.environ["THALAMUS_PORT"]), timeout=20)
link.putrequest("POST", f"/v1/models/{case_file.parts[2]}/classify")
link.putheader("Content-Type", case["media_type"]); link.putheader("Content-Length", len(body))
link.endheaders(body[:10])
if sys.argv[1:]: print("half sent", flush=True); time.sleep(2)
link.send(body[10:])
answer = link.getresponse(); label = json.load(answer)["predictions"][0]["label"]
expected = max(case["probabilities"], key=case["probabilities"].get)
print(case_file.parts[2], answer.status, repr(label), "expected", repr(expected))
sys.exit(label != expected)'

step "one golden case by HTTP"
inside python -c "$client"

step "SIGTERM while a request is half sent: it is answered, then the exit status is 0"
inside python -u -c "$client" slowly >"$work/answer" &
request=$!
until grep -q "half sent" "$work/answer"; do kill -0 "$request" || fail "no request"; sleep 0.05; done
kill -TERM "$process"
wait "$request" || { cat "$work/answer" "$work/log"; fail "the request in flight was not answered"; }
tail -1 "$work/answer"
status=0; wait "$server" || status=$?
server=
tail -3 "$work/log"
echo "exit status: $status"
[[ $status == 0 ]] || fail "exit status $status"
step "PROVED"
