package main

import (
	"errors"
	"fmt"
	"testing"
)

func TestStepErrorNamesTheStepOnce(t *testing.T) {
	cause := errors.New("disk full")
	for _, c := range []struct{ step, text, want string }{
		{"auth", "auth: %w", "auth: disk full"},
		{"database", "database: cannot connect: %w", "database: cannot connect: disk full"},
		{"consumers", "consumer: read: %w", "consumers: read: disk full"},
		{"dispatcher", "dispatch: %w", "dispatcher: disk full"},
		{"outbound requests", "allow-hosts: %w", "outbound requests: allow-hosts: disk full"},
		{"data directory", "%w", "data directory: disk full"},
		{"object storage", "s3: %w", "object storage: s3: disk full"},
	} {
		err := &stepError{c.step, fmt.Errorf(c.text, cause)}
		if err.Error() != c.want || !errors.Is(err, cause) {
			t.Errorf("got %q, want %q", err, c.want)
		}
	}
}
