package wire

import (
	"strings"

	"github.com/schleuse/schleuse/sidecar/account"
)

// MaxTokenAnswer is the longest answer of the token endpoint that is read, in
// bytes.
const MaxTokenAnswer = 256 << 10

// TokenAnswer says whose tokens a 200 of the token endpoint carries.
type TokenAnswer struct {
	Subject account.ID  // of the access token, else of the ID token; "" = nobody can be told
	Session account.SID // of whichever token names one; "" for offline use without
}

// ReadTokenAnswer reads the body of a 200. Keycloak leaves `sub` out of light
// access tokens and of every refresh token. Tokens that name different people
// or sessions, and an answer without a token, are ErrUnreadable.
func ReadTokenAnswer(body []byte) (TokenAnswer, error) {
	if len(body) > MaxTokenAnswer {
		return TokenAnswer{}, ErrTooLong
	}
	answer, err := parseObject(body)
	if err != nil {
		return TokenAnswer{}, err
	}
	var out TokenAnswer
	tokens := 0
	for _, name := range []string{"access_token", "id_token", "refresh_token"} {
		token := answer.text(name)
		if token == "" {
			continue
		}
		tokens++
		if strings.Count(token, ".") == 4 {
			continue // a JWE is the client's to read
		}
		if err := out.add(token); err != nil {
			return TokenAnswer{}, err
		}
	}
	if tokens == 0 {
		return TokenAnswer{}, ErrUnreadable
	}
	return out, nil
}

func (a *TokenAnswer) add(token string) error {
	c, err := readClaims(token)
	if err != nil {
		return err
	}
	subject, session := account.ID(c.text("sub")), account.SID(c.text("sid"))
	if subject != "" && a.Subject != "" && subject != a.Subject {
		return ErrUnreadable
	}
	if session != "" && a.Session != "" && session != a.Session {
		return ErrUnreadable
	}
	if a.Subject == "" {
		a.Subject = subject
	}
	if a.Session == "" {
		a.Session = session
	}
	return nil
}
