package attack_test

import (
	"crypto/hmac"
	"crypto/sha1"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"time"
)

// totp is the one-time password of RFC 6238: six digits, 30 s, HMAC-SHA1.
func totp(secret []byte, at time.Time) string {
	mac := hmac.New(sha1.New, secret)
	var counter [8]byte
	binary.BigEndian.PutUint64(counter[:], uint64(at.Unix()/30))
	mac.Write(counter[:])
	sum := mac.Sum(nil)
	offset := sum[len(sum)-1] & 0xf
	n := binary.BigEndian.Uint32(sum[offset:]) & 0x7fffffff
	return fmt.Sprintf("%06d", n%1_000_000)
}

// otpCredential is how the Admin API takes an authenticator of this secret.
func otpCredential(secret string) map[string]any {
	value, _ := json.Marshal(map[string]string{"value": secret})
	data, _ := json.Marshal(map[string]any{"subType": "totp", "digits": 6, "counter": 0, "period": 30, "algorithm": "HmacSHA1"})
	return map[string]any{"type": "otp", "userLabel": "Handy", "secretData": string(value), "credentialData": string(data)}
}
