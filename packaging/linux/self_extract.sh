#!/bin/sh
# Vademecum @VERSION@ for Linux on x86-64: unpacks itself and installs for the person who runs it. No network, no
# administrator.   sh FILE [--check | --unpack FOLDER | options of the installer: --silent --folder FOLDER …]
set -eu
first_byte=@OFFSET@
digest=@SHA256@
needed_kib=@KIB@
decoder_bytes=@DECODER@ # xz, for systems without it, packed with gzip; the program follows

usage="usage: sh $0 [--check | --unpack FOLDER | --silent [--folder FOLDER] [--no-shortcuts] [--no-association]]"

payload() { tail -c "+$first_byte" "$0"; }

unpack() { # into the folder $1; $2 chooses another
    decoder=$(mktemp -d "$1/.unpacking.XXXXXX")
    payload | head -c "$decoder_bytes" | gzip -dc | tar -xf - -C "$decoder"
    failed=""
    if ! said=$(LD_LIBRARY_PATH="$decoder" "$decoder/xz" --version 2>&1); then
        failed="No program can be started in $1: $said
Where its disk allows none (noexec), choose another folder: $2"
    elif ! payload | tail -c "+$((decoder_bytes + 1))" |
        { LD_LIBRARY_PATH="$decoder" "$decoder/xz" -dc -T0 || : >"$decoder/broke"; } |
        tar -xf - -C "$1" --strip-components=2 ./opt/vademecum || [ -e "$decoder/broke" ]; then
        failed="It could not be unpacked into $1: see above. Make room there, or choose another folder: $2"
    fi
    rm -rf "$decoder"
    [ -z "$failed" ] || { echo "$failed" >&2; exit 1; }
}

sweep() { # what killed installations left in the folder $1: it is as large as the program
    for left in "$1"/vademecum-install.*.*; do
        process=${left#"$1"/vademecum-install.}
        [ ! -d "$left" ] || [ -d "/proc/${process%%.*}" ] || rm -rf "$left"
    done
}

room() { # for what is unpacked, in the folder $1
    mkdir -p "$1" 2>/dev/null && [ -w "$1" ] || { echo "$1 can't be written. Choose another folder: $2" >&2; exit 1; }
    free_kib=$(df -Pk "$1" | tail -n 1 | awk '{print $4}')
    if [ "$free_kib" -lt "$needed_kib" ]; then
        echo "$1 has too little space: $((needed_kib / 1048576 + 1)) GiB are needed. Choose another disk: $2" >&2
        exit 1
    fi
}

check() {
    found=$(payload | sha256sum | cut -d ' ' -f 1)
    if [ "$found" != "$digest" ]; then
        echo "This file is damaged: its SHA-256 is not the one it was made with. Copy it again." >&2
        exit 1
    fi
}

[ "$(uname -s)-$(uname -m)" = Linux-x86_64 ] || { echo "This is for Linux on x86-64." >&2; exit 1; }
case "${1:-}" in
    --check) check; echo "The file is whole."; exit 0 ;;
    --unpack)
        [ $# -eq 2 ] || { echo "$usage" >&2; exit 2; }
        [ ! -e "$2/vademecum" ] || { echo "$2/vademecum is there already. Remove it, or choose another folder." >&2; exit 1; }
        check; room "$2" "sh $0 --unpack FOLDER"; unpack "$2" "sh $0 --unpack FOLDER"; exit 0 ;;
    --help | -h) echo "$usage"; exit 0 ;;
esac
wanted=option
for argument; do # a mistake is told before the long part, not by the program that is unpacked
    case "$wanted $argument" in
        folder*) wanted=option ;;
        "option --folder") wanted=folder ;;
        "option --silent" | "option --no-shortcuts" | "option --no-association" | "option --folder="*) ;;
        *) echo "$argument is not understood. $usage" >&2; exit 2 ;;
    esac
done
[ $wanted = option ] || { echo "$usage" >&2; exit 2; }

[ -n "${HOME:-}" ] || { echo "HOME is not set. Set it to your home folder: HOME=FOLDER sh $0" >&2; exit 1; }
check
parent="${XDG_CACHE_HOME:-$HOME/.cache}" # not /tmp: it may be small, in memory, or not allow programs
another="XDG_CACHE_HOME=FOLDER sh $0"
sweep "$parent"
room "$parent" "$another"
folder=$(mktemp -d "$parent/vademecum-install.$$.XXXXXX")
trap 'rm -rf "$folder"' EXIT
trap 'exit 130' INT TERM HUP
echo "Unpacking …"
unpack "$folder" "$another"
"$folder/vademecum/vademecum" --install --unpacked "$@"
exit $?
