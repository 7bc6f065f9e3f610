# Shared by the make-* scripts, which source it: option parsing, checks, and the issuing of one certificate.
# shellcheck shell=sh
# shellcheck disable=SC2034 # `days` and `renew` are read by the sourcing script

set -eu
umask 077
LC_ALL=C
export LC_ALL

program=${0##*/}

say() { printf '%s: %s\n' "$program" "$*" >&2; }
fail() {
    say "$*"
    exit 1
}
misused() {
    say "$*"
    say "try: $program --help"
    exit 64
}

# The comment at the head of a script is its help.
help() { sed -n '2,/^$/{/^#/s/^# \{0,1\}//p;}' "$0"; }

# take_options ARGUMENT...: reads the options in front into `days` and `renew`; `taken` says how many words they were.
take_options() {
    taken=0
    while [ $# -gt 0 ]; do
        case $1 in
        --help)
            help
            exit
            ;;
        --days)
            case ${2:-} in
            '' | 0* | *[!0-9]* | ??????*) misused "--days needs a number from 1 to 36500, not \"${2:-}\"" ;;
            esac
            [ "$2" -le 36500 ] || misused "--days needs a number from 1 to 36500, not \"$2\""
            days=$2
            shift
            taken=$((taken + 1))
            ;;
        --renew)
            [ -n "${renew:-}" ] || misused "unknown option --renew"
            renew=yes
            ;;
        --)
            taken=$((taken + 1))
            return
            ;;
        -*) misused "unknown option $1" ;;
        *) break ;;
        esac
        shift
        taken=$((taken + 1))
    done
    for operand in "$@"; do
        case $operand in -*) misused "options come before the other arguments: \"$operand\"" ;; esac
    done
}

# check_name WHAT NAME: names stand in a URI and in paths, so their alphabet is small.
check_name() {
    case $2 in
    '' | . | .. | *[!A-Za-z0-9._-]*) misused "$1 \"$2\" must consist of A-Z a-z 0-9 . _ - and be neither . nor .." ;;
    esac
    [ "${#2}" -le 128 ] || misused "$1 \"$2\" is longer than 128 characters"
}

# make_directory DIR: creates it, and opens a scratch directory in it, so that results arrive by rename.
make_directory() {
    [ -n "$1" ] || misused "the directory's name is empty"
    mkdir -p "$1"
    # What a killed run left behind.
    find "$1" -maxdepth 1 -name '.new.*' -mmin +60 -exec rm -rf {} +
    scratch=$(mktemp -d "$1/.new.XXXXXX")
    trap 'rm -rf "$scratch"' EXIT
    trap 'exit 129' HUP
    trap 'exit 130' INT
    trap 'exit 143' TERM
}

# make_key FILE: a new EC P-256 private key. It never passes through a command line.
make_key() {
    openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out "$1" 2>"$scratch/log" ||
        fail "openssl cannot make a key: $(cat "$scratch/log")"
}

# public_key_of_key FILE, public_key_of_certificate FILE: in PEM, or nothing if the file is not what it should be.
public_key_of_key() { openssl pkey -in "$1" -passin pass: -pubout 2>/dev/null || :; }
public_key_of_certificate() { openssl x509 -in "$1" -noout -pubkey 2>/dev/null || :; }

# matches KEY CERTIFICATE
matches() {
    wanted=$(public_key_of_key "$1")
    [ -n "$wanted" ] && [ "$wanted" = "$(public_key_of_certificate "$2")" ]
}

# lasts CERTIFICATE SECONDS: still valid in that many seconds.
lasts() { openssl x509 -in "$1" -noout -checkend "$2" >/dev/null 2>&1; }

# end_of CERTIFICATE: when it expires, for people.
end_of() { openssl x509 -in "$1" -noout -enddate | sed 's/^notAfter=//'; }

# serial: 119 random bits, so that it is positive and at most 20 bytes in DER.
serial() { printf '0x1%s' "$(openssl rand -hex 15 | cut -c 2-)"; }

# What one certificate allows and for whom, as text that can be compared.
purpose_of() {
    openssl x509 -in "$1" -noout -ext subjectAltName,extendedKeyUsage,keyUsage,basicConstraints 2>/dev/null || :
}

# issue AUTHORITY_DIR DIR USAGE NAMES: ca.pem, cert.pem and key.pem in DIR. USAGE is serverAuth or clientAuth; NAMES
# are the lines of an OpenSSL [names] section. What is there and good is kept. A key is kept as long as it is usable,
# so that a renewal is one rename, and cert.pem comes last: whoever finds it finds all three.
issue() {
    authority=$1 directory=$2 usage=$3 names=$4
    [ -r "$authority/ca.pem" ] && [ -r "$authority/ca-key.pem" ] ||
        fail "$authority has no readable ca.pem and ca-key.pem; make them with make-authority $authority"
    matches "$authority/ca-key.pem" "$authority/ca.pem" || fail "$authority/ca-key.pem is not the key of $authority/ca.pem"
    lasts "$authority/ca.pem" $((days * 86400)) ||
        fail "the authority ends on $(end_of "$authority/ca.pem"), before $days days have passed:" \
            "ask for fewer with --days, or run make-authority --renew $authority"
    make_directory "$directory"
    # A machine that receives this directory must not receive the authority's key with it.
    [ ! -e "$directory/ca-key.pem" ] || fail "$directory holds an authority; choose another directory"

    if [ -e "$directory/key.pem" ] && [ -n "$(public_key_of_key "$directory/key.pem")" ]; then
        chmod 600 "$directory/key.pem"
    else
        make_key "$scratch/key.pem"
        mv -f "$scratch/key.pem" "$directory/key.pem"
    fi

    cat >"$scratch/request.cnf" <<END
[req]
distinguished_name = subject
x509_extensions = extensions
string_mask = utf8only
prompt = no
[subject]
O = Baton
[extensions]
basicConstraints = critical, CA:FALSE
keyUsage = critical, digitalSignature
extendedKeyUsage = $usage
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
subjectAltName = @names
[names]
$names
END
    openssl req -x509 -new -sha256 -config "$scratch/request.cnf" -key "$directory/key.pem" -passin pass: \
        -CA "$authority/ca.pem" -CAkey "$authority/ca-key.pem" -set_serial "$(serial)" -days "$days" \
        -out "$scratch/cert.pem" 2>"$scratch/log" || fail "openssl cannot make the certificate: $(cat "$scratch/log")"

    if ! cmp -s "$authority/ca.pem" "$directory/ca.pem"; then
        cp "$authority/ca.pem" "$scratch/ca.pem"
        chmod 644 "$scratch/ca.pem"
        mv -f "$scratch/ca.pem" "$directory/ca.pem"
    fi
    # Kept while more than a third of the time is left.
    if matches "$directory/key.pem" "$directory/cert.pem" &&
        openssl verify -x509_strict -CAfile "$directory/ca.pem" "$directory/cert.pem" >/dev/null 2>&1 &&
        lasts "$directory/cert.pem" $((days * 86400 / 3)) &&
        [ "$(purpose_of "$directory/cert.pem")" = "$(purpose_of "$scratch/cert.pem")" ]; then
        say "kept $directory/cert.pem, valid until $(end_of "$directory/cert.pem")"
        return
    fi
    openssl verify -x509_strict -CAfile "$directory/ca.pem" "$scratch/cert.pem" >"$scratch/log" 2>&1 ||
        fail "the new certificate does not verify: $(cat "$scratch/log")"
    chmod 644 "$scratch/cert.pem"
    mv -f "$scratch/cert.pem" "$directory/cert.pem"
    say "made $directory/cert.pem, valid until $(end_of "$directory/cert.pem")"
}
