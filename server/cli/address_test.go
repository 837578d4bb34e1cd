package cli

import (
	"strings"
	"testing"
)

func TestEndpointURLAcceptsTypedAddresses(t *testing.T) {
	for typed, want := range map[string]string{
		"127.0.0.1:8480":                     "ws://127.0.0.1:8480/v1/ws",
		":8480":                              "ws://127.0.0.1:8480/v1/ws",
		"localhost:8480":                     "ws://localhost:8480/v1/ws",
		"wa.example":                         "ws://wa.example/v1/ws",
		" http://127.0.0.1:8480 ":            "ws://127.0.0.1:8480/v1/ws",
		"http://127.0.0.1:8480/":             "ws://127.0.0.1:8480/v1/ws",
		"HTTP://127.0.0.1:8480/":             "ws://127.0.0.1:8480/v1/ws",
		"https://wa.example":                 "wss://wa.example/v1/ws",
		"https://wa.example/v1/rpc":          "wss://wa.example/v1/ws",
		"https://wa.example/gateway/":        "wss://wa.example/gateway/v1/ws",
		"https://wa.example/gateway/v1/ws":   "wss://wa.example/gateway/v1/ws",
		"ws://127.0.0.1:8480/v1/ws":          "ws://127.0.0.1:8480/v1/ws",
		"ws://127.0.0.1:8480/ws":             "ws://127.0.0.1:8480/v1/ws",
		"wss://wa.example":                   "wss://wa.example/v1/ws",
		"http://127.0.0.1:8480/health":       "ws://127.0.0.1:8480/v1/ws",
		"http://127.0.0.1:8480/v1/health#at": "ws://127.0.0.1:8480/v1/ws",
		"http://[::1]:8480":                  "ws://[::1]:8480/v1/ws",
		"[::1]:8480":                         "ws://[::1]:8480/v1/ws",
	} {
		got, err := endpointURL(typed, "ws", "/v1/ws")
		if err != nil || got != want {
			t.Errorf("%q: got %q, %v, want %q", typed, got, err, want)
		}
		health, err := endpointURL(typed, "http", healthPath)
		if want := strings.Replace(strings.TrimSuffix(want, "/v1/ws"), "ws", "http", 1) + healthPath; err != nil || health != want {
			t.Errorf("%q: got %q, %v, want %q", typed, health, err, want)
		}
	}
	for _, typed := range []string{"", "http://", "ftp://wa.example", "http://wa example/", "http://me:hunter2@"} {
		if got, err := endpointURL(typed, "ws", "/v1/ws"); err == nil || !strings.Contains(err.Error(), "-url") || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%q: got %q, %v", typed, got, err)
		}
	}
}
