#!/bin/sh
# Copies a file of the WAL from the folder of this script:
#   restore_command = '/bin/sh FOLDER/fetch.sh "%f" "%p"'
# It ends with 1 if there is none, which Postgres takes for the end of the archive, and with 200 if
# there is one that cannot be read: then Postgres stops instead of ending the recovery too early.
set -u
PATH=${PATH:+$PATH:}/usr/local/bin:/usr/bin:/bin # the server may have none
name=$1
target=$2
folder=$(dirname "$0")

if [ -f "$folder/$name.zst" ]; then
    zstd -dcq "$folder/$name.zst" >"$target" || exit 200
elif [ -f "$folder/$name" ]; then
    cat "$folder/$name" >"$target" || exit 200
else
    exit 1
fi
