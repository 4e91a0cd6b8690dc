#!/bin/sh
# Copies a file of the WAL into the folder of this script:
#   archive_command = '/bin/sh FOLDER/archive.sh "%p" "%f"'
# It ends with 0 only when the same bytes are on the disk under this name, also if they were there
# already. A file with other bytes is never overwritten. Postgres tries again after a failure.
set -eu
PATH=${PATH:+$PATH:}/usr/local/bin:/usr/bin:/bin # the server may have none
file=$1
name=$2
folder=$(dirname "$0")
umask 077

is_same() {
    case $1 in
        *.zst) zstd -dcq "$1" | cmp -s - "$file" ;;
        *) cmp -s "$1" "$file" ;;
    esac
}

for there in "$folder/$name" "$folder/$name.zst"; do
    if [ -e "$there" ]; then
        if is_same "$there"; then
            sync "$there" "$folder"
            exit 0
        fi
        echo "$there has other bytes than $file: nothing was overwritten." >&2
        exit 1
    fi
done

suffix=
if command -v zstd >/dev/null; then
    suffix=.zst
fi
rm -f "$folder/.$name."*
draft="$folder/.$name.$$$suffix"
trap 'rm -f "$draft"' EXIT
if [ -n "$suffix" ]; then
    zstd -q -c "$file" >"$draft"
else
    cat "$file" >"$draft"
fi
sync "$draft"
if ! is_same "$draft"; then
    echo "The copy of $file is not the same: is the disk full?" >&2
    exit 1
fi
# A link fails if the name is taken meanwhile; a rename would overwrite.
ln "$draft" "$folder/$name$suffix"
sync "$folder"
