package fcm

import (
	"cmp"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"net/url"

	"github.com/schleuse/schleuse/sidecar/extension"
)

// account is the service account as whom messages are sent.
type account struct {
	email, keyID string
	key          *rsa.PrivateKey
	tokenURL     string
	project      string
}

// leastBits is the shortest key that is used.
const leastBits = 2048

// accountFile is what the Firebase console gives out, as far as it is needed
// (https://google.aip.dev/auth/4112).
type accountFile struct {
	Type         string `json:"type"`
	Project      string `json:"project_id"`
	PrivateKeyID string `json:"private_key_id"`
	PrivateKey   string `json:"private_key"`
	Email        string `json:"client_email"`
	TokenURL     string `json:"token_uri"`
}

// readAccount reads the service account. Its errors hold nothing of the key.
func readAccount(c Config) (account, error) {
	raw, err := extension.ReadFile(c.ServiceAccountFile)
	if err != nil {
		return account{}, fmt.Errorf("reading the service account: %w", err)
	}
	a, err := parseAccount(raw, c.Project)
	if err != nil {
		return account{}, fmt.Errorf("%s: %w", c.ServiceAccountFile, err)
	}
	return a, nil
}

func parseAccount(raw []byte, project string) (account, error) {
	var f accountFile
	if json.Unmarshal(raw, &f) != nil || f.Type != "service_account" || f.Email == "" || f.PrivateKeyID == "" {
		return account{}, errors.New("no key of a service account (JSON with type service_account)")
	}
	u, err := url.Parse(f.TokenURL)
	if err != nil || !extension.Private(u) {
		return account{}, errors.New("token_uri is no address of https")
	}
	key, err := parseKey(f.PrivateKey)
	if err != nil {
		return account{}, err
	}
	a := account{email: f.Email, keyID: f.PrivateKeyID, key: key, tokenURL: f.TokenURL, project: cmp.Or(project, f.Project)}
	if !projectForm.MatchString(a.project) {
		return account{}, errors.New("project_id is no id of a project")
	}
	return a, nil
}

func parseKey(text string) (*rsa.PrivateKey, error) {
	block, _ := pem.Decode([]byte(text))
	if block == nil {
		return nil, errors.New("private_key is no PEM")
	}
	parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	key, ok := parsed.(*rsa.PrivateKey)
	if err != nil || !ok || key.N.BitLen() < leastBits {
		return nil, fmt.Errorf("private_key is no RSA key (PKCS #8) of %d bits or more", leastBits)
	}
	return key, nil
}
