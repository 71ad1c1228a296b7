package device

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// file is a phone as it lies in its file. What opened the app is not in it.
type file struct {
	Base      string `json:"base"`
	ID        string `json:"id,omitempty"`
	Key       JWK    `json:"key"`
	Next      *JWK   `json:"next,omitempty"` // a rotation whose answer may be lost
	Biometric *JWK   `json:"biometric,omitempty"`
	Nonce     string `json:"nonce,omitempty"`
}

// Save writes the phone to a file that its owner alone may read, whole or not
// at all.
func (p *Phone) Save(path string) error {
	f := file{Base: p.Base, ID: p.ID, Key: p.Key.Private(), Nonce: p.nonceNow()}
	if p.Biometric != nil {
		k := p.Biometric.Private()
		f.Biometric = &k
	}
	if p.Next != nil {
		k := p.Next.Private()
		f.Next = &k
	}
	raw, err := json.MarshalIndent(f, "", "  ")
	if err != nil {
		return err
	}
	temporary, err := os.CreateTemp(filepath.Dir(path), ".phone-*") // 0600
	if err != nil {
		return fmt.Errorf("saving the phone: %w", err)
	}
	defer func() { _ = os.Remove(temporary.Name()) }()
	if _, err := temporary.Write(append(raw, '\n')); err != nil {
		return fmt.Errorf("saving the phone: %w", err)
	}
	if err := errors.Join(temporary.Sync(), temporary.Close()); err != nil {
		return fmt.Errorf("saving the phone: %w", err)
	}
	return os.Rename(temporary.Name(), path)
}

// Load reads a phone that Save wrote. A file that others may read is refused.
func Load(path string) (*Phone, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if info.Mode().Perm()&0o077 != 0 {
		return nil, fmt.Errorf("%s can be read by others: chmod 600", path)
	}
	raw, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var f file
	if err := strict(raw, &f); err != nil {
		return nil, fmt.Errorf("reading %s: %w", path, err)
	}
	p := &Phone{Base: f.Base, ID: f.ID, nonce: f.Nonce}
	if p.Key, err = ParseKey(f.Key); err != nil {
		return nil, err
	}
	if f.Biometric != nil {
		if p.Biometric, err = ParseKey(*f.Biometric); err != nil {
			return nil, err
		}
	}
	if f.Next != nil {
		p.Next, err = ParseKey(*f.Next)
	}
	return p, err
}

// LoadOrNew reads the phone, or makes one with a new key for this address.
func LoadOrNew(path, base string) (*Phone, error) {
	p, err := Load(path)
	if !errors.Is(err, fs.ErrNotExist) {
		return p, err
	}
	if base == "" {
		return nil, fmt.Errorf("%s is not there: name the Device API's address to make a phone", path)
	}
	key, err := NewKey()
	if err != nil {
		return nil, err
	}
	return &Phone{Base: base, Key: key}, nil
}
