#!/bin/sh
# Vademecum @VERSION@ for Linux on x86-64: unpacks itself and installs for the person who runs it. No network, no
# administrator.   sh FILE [--check | --unpack FOLDER | options of the installer: --silent --folder FOLDER …]
set -eu
first_byte=@OFFSET@
digest=@SHA256@
needed_kib=@KIB@
decoder_bytes=@DECODER@ # xz, for systems without it, packed with gzip; the program follows

payload() { tail -c "+$first_byte" "$0"; }

unpack() { # into the folder $1
    decoder=$(mktemp -d "$1/.unpacking.XXXXXX")
    payload | head -c "$decoder_bytes" | gzip -dc | tar -xf - -C "$decoder"
    payload | tail -c "+$((decoder_bytes + 1))" | LD_LIBRARY_PATH="$decoder" "$decoder/xz" -dc -T0 |
        tar -xf - -C "$1" --strip-components=2 ./opt/vademecum
    rm -rf "$decoder"
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
        [ $# -eq 2 ] || { echo "usage: $0 --unpack FOLDER" >&2; exit 2; }
        check; mkdir -p "$2"; unpack "$2"; exit 0 ;;
    --help | -h)
        echo "usage: $0 [--check | --unpack FOLDER | --silent [--folder FOLDER] [--no-shortcuts] [--no-association]]"
        exit 0 ;;
esac

check
parent="${XDG_CACHE_HOME:-$HOME/.cache}" # not /tmp: it may be small, in memory, or not allow programs
mkdir -p "$parent"
free_kib=$(df -Pk "$parent" | tail -n 1 | awk '{print $4}')
if [ "$free_kib" -lt "$needed_kib" ]; then
    echo "$parent has too little space: $((needed_kib / 1048576 + 1)) GiB are needed to unpack." >&2
    exit 1
fi
folder=$(mktemp -d "$parent/vademecum-install.XXXXXX")
trap 'rm -rf "$folder"' EXIT
trap 'exit 130' INT TERM HUP
echo "Unpacking …"
unpack "$folder"
"$folder/vademecum/vademecum" --install --unpacked "$@"
exit $?
