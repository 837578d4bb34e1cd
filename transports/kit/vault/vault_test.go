package vault

import (
	"bytes"
	"errors"
	"testing"
)

func TestVault(t *testing.T) {
	v, err := New(bytes.Repeat([]byte{1}, 32))
	if err != nil {
		t.Fatal(err)
	}
	sealed := v.Seal("amqp://me:hunter2@host/", "url", "s1")
	if bytes.Contains(sealed, []byte("hunter2")) || bytes.Equal(sealed, v.Seal("amqp://me:hunter2@host/", "url", "s1")) {
		t.Error("not encrypted, or the same twice")
	}
	if text, err := v.Open(sealed, "url", "s1"); err != nil || text != "amqp://me:hunter2@host/" {
		t.Errorf("%q, %v", text, err)
	}
	if v.Seal("", "url") != nil {
		t.Error("nothing is something")
	}
	if text, err := v.Open(nil, "url"); err != nil || text != "" {
		t.Errorf("nothing is %q, %v", text, err)
	}
	other, _ := New(bytes.Repeat([]byte{2}, 32))
	for name, open := range map[string]func() (string, error){
		"another place": func() (string, error) { return v.Open(sealed, "url", "s2") },
		"another key":   func() (string, error) { return other.Open(sealed, "url", "s1") },
		"cut short":     func() (string, error) { return v.Open(sealed[:5], "url", "s1") },
		"changed": func() (string, error) {
			return v.Open(append(bytes.Clone(sealed[:len(sealed)-1]), sealed[len(sealed)-1]^1), "url", "s1")
		},
	} {
		if text, err := open(); !errors.Is(err, ErrDamaged) || text != "" {
			t.Errorf("%s: %q, %v", name, text, err)
		}
	}
	if _, err := New([]byte("short")); err == nil {
		t.Error("a short key is taken")
	}
}
