# Cleans up after a process, however it ended: $1 is its token, $2 its folder.
#
# Standard input is a pipe whose only writer is that process. The kernel closes it when the process
# is gone, also after SIGKILL. A child between fork and exec still holds the pipe, so once the end
# of the file is read, whoever was started has the token in its environment and can be found by it.

token=$1
folder=$2
trap '' HUP INT TERM
cat >/dev/null

found=yes
while [ -n "$found" ]; do
    found=
    for environ in /proc/[0-9]*/environ; do
        if grep -qsaF "KAFKA_RPC_RUN=$token" "$environ"; then
            pid=${environ#/proc/}
            kill -KILL "${pid%/environ}" 2>/dev/null
            found=yes
        fi
    done
    [ -z "$found" ] || sleep 0.05
done
rm -rf "$folder"
