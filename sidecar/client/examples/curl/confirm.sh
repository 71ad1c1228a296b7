#!/bin/sh
# Has a change of address confirmed on the person's phone before it is executed,
# with curl, jq and openssl.
#
#   SCHLEUSE_URL=https://login.kasse.example/schleuse/approvals/v1 \
#   TOKEN_URL=https://login.kasse.example/realms/kasse/protocol/openid-connect/token \
#   CLIENT_ID=backend CLIENT_SECRET_FILE=/run/secrets/backend \
#   sh confirm.sh A123456780 'Am Siel 2, 26721 Emden' 'Am Deich 1, 26721 Emden'
set -eu

kvnr=$1 old=$2 new=$3
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

stop() { printf 'not executed: %s\n' "$*"; exit 1; }

# base64url of standard input, and back.
encode() { openssl base64 -A | tr '+/' '-_' | tr -d '='; }
decode() {
  text=$(printf %s "$1" | tr -- '-_' '+/')
  while [ $((${#text} % 4)) != 0 ]; do text="$text="; done
  printf %s "$text" | openssl base64 -d -A
}
hex() { decode "$1" | od -An -v -tx1 | tr -d ' \n'; }

# No secret stands in an argument, where every process of the machine reads it.
token=$(tr -d '\n' <"$CLIENT_SECRET_FILE" | curl -fsS --max-time 15 "$TOKEN_URL" \
  -d grant_type=client_credentials --data-urlencode "client_id=$CLIENT_ID" --data-urlencode client_secret@- |
  jq -er .access_token) || stop "no token"

# call METHOD PATH [curl arguments] prints the answer and fails for a problem.
call() {
  method=$1 path=$2
  shift 2
  code=$(printf 'Authorization: Bearer %s\n' "$token" | curl -sS --max-time 75 -H @- -X "$method" \
    -o "$work/answer" -w '%{http_code}' "$@" "$SCHLEUSE_URL$path") || return 2
  case $code in
    2??) cat "$work/answer" ;;
    *) jq -r '[.status, .type, (.errors[]? | .pointer + " " + .detail)] | join(" ")' <"$work/answer" >&2; return 1 ;;
  esac
}

# 1. The very bytes that will be executed, and their hash.
jq -cnj --arg neu "$new" '{neu: $neu}' >"$work/order"
hash=$(openssl dgst -sha256 -binary "$work/order" | encode)

# 2. Ask. With the same key the call may be repeated: the person is asked once.
question=$(jq -cn --arg kvnr "$kvnr" --arg alt "$old" --arg neu "$new" --arg hash "$hash" \
  '{subject: {kvnr: $kvnr}, action: "adresse", fields: {alt: $alt, neu: $neu}, content_sha256: $hash}')
key=$(openssl rand -hex 16)
approval=$(printf %s "$question" >"$work/question"
  call POST /approvals -H 'Content-Type: application/json' -H "Idempotency-Key: $key" \
    --retry 4 --retry-connrefused --data-binary "@$work/question") || stop "not asked"
id=$(printf %s "$approval" | jq -er .id)
printf 'code for the person: %s\n' "$(printf %s "$approval" | jq -er .match_code)"

# 3. Wait.
state=pending
while [ "$state" = pending ]; do
  approval=$(call GET "/approvals/$id?wait=30" --retry 4 --retry-connrefused) || stop "the API is away"
  state=$(printf %s "$approval" | jq -er .state)
done
[ "$state" = approved ] || stop "$state"

# 4. Redeem, once, with the hash of the bytes that are about to be executed.
hash=$(openssl dgst -sha256 -binary "$work/order" | encode)
receipt=$(call POST "/approvals/$id/redeem" -H 'Content-Type: application/json' \
  --data-binary "{\"content_sha256\":\"$hash\"}" | jq -er .receipt) || stop "not redeemed"

# 5. Verify the receipt: type, algorithm, key, signature, and what it says.
head=${receipt%%.*} signature=${receipt##*.} signed=${receipt%.*}
claims=${signed#*.}
decode "$head" | jq -e '.typ == "approval-receipt+jwt" and .alg == "ES256"' >/dev/null || stop "another kind of receipt"
key=$(curl -fsS --max-time 15 "$SCHLEUSE_URL/keys" |
  jq -ec --arg kid "$(decode "$head" | jq -er .kid)" '.keys[] | select(.kid == $kid and .kty == "EC" and .crv == "P-256")') || stop "unknown key"
point=04$(hex "$(printf %s "$key" | jq -er .x)")$(hex "$(printf %s "$key" | jq -er .y)")
cat >"$work/key.conf" <<END
asn1=SEQUENCE:key
[key]
algorithm=SEQUENCE:algorithm
point=FORMAT:HEX,BITSTRING:$point
[algorithm]
type=OID:id-ecPublicKey
curve=OID:prime256v1
END
rs=$(hex "$signature")
[ ${#rs} = 128 ] || stop "no signature by ES256"
cat >"$work/signature.conf" <<END
asn1=SEQUENCE:signature
[signature]
r=INTEGER:0x$(printf %s "$rs" | cut -c1-64)
s=INTEGER:0x$(printf %s "$rs" | cut -c65-128)
END
for part in key signature; do
  openssl asn1parse -genconf "$work/$part.conf" -noout -out "$work/$part.der"
done
printf %s "$signed" | openssl dgst -sha256 -keyform DER -verify "$work/key.der" -signature "$work/signature.der" >/dev/null 2>&1 || stop "the signature does not hold"
decode "$claims" | jq -e --arg iss "$SCHLEUSE_URL" --arg aud "$CLIENT_ID" --arg jti "$id" --arg hash "$hash" \
  '.iss == $iss and .aud == $aud and .jti == $jti and .action == "adresse" and .content_sha256 == $hash and .exp > now' >/dev/null ||
  stop "the receipt says something else"

# 6. Execute these bytes; keep the receipt.
printf 'executed: %s\n' "$(cat "$work/order")"
