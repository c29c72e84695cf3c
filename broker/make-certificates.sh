#!/bin/sh
# Make the TLS files of one site: an authority, the broker's certificate, and one certificate a client.
#
#   broker/make-certificates.sh DIR BROKER_HOST CLIENT...
#   broker/make-certificates.sh /etc/qcot/tls broker.example.org gateway bridge-1 bridge-2
#
# Files that are there stay as they are, so a client can be added later. Keys are readable by their owner only. The
# authority's key (ca.key) is needed for nothing but this: keep it off the broker. TLS here is classical (ECDSA, X25519):
# it keeps strangers out of the broker, and nothing else rests on it.
set -eu

if [ $# -lt 3 ]; then
    echo "usage: $0 DIR BROKER_HOST CLIENT..." >&2
    exit 2
fi
dir=$1 host=$2
shift 2
for name in "$@"; do
    case $name in
        *[!a-zA-Z0-9_-]* | "" | ca | server)
            echo "$0: '$name' cannot name a client: use a-z A-Z 0-9 _ -, and not ca or server" >&2
            exit 2 ;;
    esac
done
case $host in
    *[!a-zA-Z0-9.:-]* | "") echo "$0: '$host' is no host name or address" >&2; exit 2 ;;
    *:* | *[0-9].*[0-9].*[0-9].*[0-9]) san=IP:$host ;;
    *) san=DNS:$host ;;
esac
umask 077
mkdir -p "$dir"

new_key() { # NAME
    openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out "$dir/$1.key.part"
    mv "$dir/$1.key.part" "$dir/$1.key"
}

issue() { # NAME COMMON_NAME EXTENSIONS
    if [ -e "$dir/$1.crt" ]; then return; fi
    [ -e "$dir/$1.key" ] || new_key "$1"
    printf 'basicConstraints=critical,CA:FALSE\nkeyUsage=critical,digitalSignature\n%b\n' "$3" > "$dir/$1.ext"
    openssl req -new -sha256 -key "$dir/$1.key" -subj "/CN=$2" |
        openssl x509 -req -sha256 -days 825 -CA "$dir/ca.crt" -CAkey "$dir/ca.key" -set_serial "0x$(openssl rand -hex 16)" \
            -extfile "$dir/$1.ext" -out "$dir/$1.crt.part" 2>/dev/null
    rm "$dir/$1.ext"
    mv "$dir/$1.crt.part" "$dir/$1.crt"
    echo "$dir/$1.crt"
}

if [ ! -e "$dir/ca.crt" ]; then
    [ -e "$dir/ca.key" ] || new_key ca
    openssl req -x509 -new -sha256 -days 3650 -key "$dir/ca.key" -subj "/CN=QCoT site authority" \
        -addext basicConstraints=critical,CA:TRUE,pathlen:0 -addext keyUsage=critical,keyCertSign,cRLSign \
        -out "$dir/ca.crt.part"
    mv "$dir/ca.crt.part" "$dir/ca.crt"
    echo "$dir/ca.crt"
fi
issue server "$host" "extendedKeyUsage=serverAuth\nsubjectAltName=$san"
for name in "$@"; do
    issue "$name" "$name" "extendedKeyUsage=clientAuth"
done
