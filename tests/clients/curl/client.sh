#!/usr/bin/env bash
# The journey by curl: `bash client.sh URL EMAIL PASSWORD IDLE`. Each call is a connection of its own.
set -euo pipefail
url=$1 email=$2 password=$3 idle=$4
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
jar="$folder/cookies"

tell() { # STEP PATH OPTIONS…
    local step=$1 path=$2
    shift 2
    local said
    : >"$folder/body"
    said=$(curl -sS -m 30 -b "$jar" -c "$jar" -o "$folder/body" -w '%{http_code}#%{content_type}' "$@" "$url$path")
    echo "$step" "${said%%#*}" "$(kind "${said#*#}")" "$(member code)"
}
kind() { echo "${1:--}"; }
member() { grep -o "\"$1\": *\"[^\"]*\"" "$folder/body" | cut -d '"' -f 4 | grep . || echo -; }

credentials='"email": "'$email'", "password": "'$password'"'
json=(-H "Content-Type: application/json")
typed=(-H "Content-Type: application/json; charset=utf-8")
chunked=(-H "Transfer-Encoding: chunked")
nothing=(-X POST -H "Content-Type:" --data-binary @/dev/null)

tell register /auth/register "${json[@]}" -d '{"name": "curl", '"$credentials"'}'
tell charset /auth/login "${typed[@]}" -d "{$credentials}"
tell refresh /auth/refresh-token "${json[@]}" -d '{"refreshToken": "'"$(member refreshToken)"'"}'
tell refresh-chunked /auth/refresh-token "${typed[@]}" "${chunked[@]}" -d '{"refreshToken": "'"$(member refreshToken)"'"}'
bearer=(-H "Authorization: Bearer $(member accessToken)")
tell cookie /auth/login "${json[@]}" -d '{"transport": "cookie", '"$credentials"'}'
tell cookie-refresh /auth/refresh-token -X POST
tell cookie-refresh-chunked /auth/refresh-token "${nothing[@]}" "${chunked[@]}"
tell accept / "${bearer[@]}" -H "Accept: text/html;q=0.9, */*;q=0.1" --compressed
tell post-chunked /auth/logout "${nothing[@]}" "${chunked[@]}"
tell problem / --http2 # an offer of an upgrade to HTTP/2, which is to be ignored
tell expect /auth/login "${json[@]}" -H "Expect: 100-continue" -d "{$credentials, \"transport\": $(printf '%2000s' '"body"')}"
sleep "$idle"
tell idle / "${bearer[@]}"
tell delete /auth/logout "${bearer[@]}" -X DELETE
tell ended / "${bearer[@]}"
