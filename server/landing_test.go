package main

import (
	"encoding/json"
	"io"
	"net/http"
	"regexp"
	"strings"
	"testing"
)

// fetch requests a path of the server and returns the response and its body.
func (s *testServer) fetch(method, path string, header http.Header) (*http.Response, string) {
	s.t.Helper()
	request, err := http.NewRequestWithContext(s.t.Context(), method, s.url(path), nil)
	if err != nil {
		s.t.Fatal(err)
	}
	request.Header = header
	response, err := plainHTTP.Do(request)
	if err != nil {
		s.t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	return response, string(body)
}

func TestLandingPageLinksAnswer(t *testing.T) {
	s := startServer(t)
	response, page := s.fetch(http.MethodGet, "/", http.Header{"Accept": {"text/html,*/*;q=0.8"}})
	if response.StatusCode != http.StatusOK || !strings.HasPrefix(response.Header.Get("Content-Type"), "text/html") || response.Header.Get("Content-Security-Policy") == "" {
		t.Fatalf("%s %v", response.Status, response.Header)
	}
	links := regexp.MustCompile(`href="([^"]+)"`).FindAllStringSubmatch(page, -1)
	if len(links) < 4 {
		t.Fatalf("%d links in\n%s", len(links), page)
	}
	for _, link := range links {
		answer, body := s.fetch(http.MethodGet, link[1], http.Header{"Authorization": {"Bearer " + s.token}})
		if answer.StatusCode != http.StatusOK {
			t.Errorf("%s: %s %s", link[1], answer.Status, body)
		}
	}
	if want := strings.Replace(s.url("/v1/ws"), "http", "ws", 1); !strings.Contains(page, want) {
		t.Errorf("no %s in\n%s", want, page)
	}
	if response, text := s.fetch(http.MethodGet, "/", nil); response.StatusCode != http.StatusOK || strings.Contains(text, "<") {
		t.Errorf("for programs: %s\n%s", response.Status, text)
	}
	if response, text := s.fetch(http.MethodHead, "/", nil); response.StatusCode != http.StatusOK || text != "" {
		t.Errorf("HEAD: %s %q", response.Status, text)
	}
	if response, _ := s.fetch(http.MethodGet, "/no/such/page", nil); response.StatusCode != http.StatusNotFound {
		t.Errorf("another path: %s", response.Status)
	}
}

func TestLandingPageEscapesTheHost(t *testing.T) {
	s := startServer(t, "-public-url", "https://wa.example/gateway/")
	if _, page := s.fetch(http.MethodGet, "/", http.Header{"Accept": {"text/html"}}); !strings.Contains(page, "wss://wa.example/gateway/v1/ws") {
		t.Error(page)
	}
}

// GET /health has DIGIGO's keys, GET /v1/health those of server.getHealth; neither has keys of the other.
func TestHealthDocumentsAreApart(t *testing.T) {
	s := startServer(t)
	keys := func(path string) map[string]any {
		response, body := s.fetch(http.MethodGet, path, nil)
		var object map[string]any
		if err := json.Unmarshal([]byte(body), &object); err != nil || response.StatusCode != http.StatusOK {
			t.Fatalf("%s: %s %v", path, response.Status, err)
		}
		return object
	}
	documented, native := keys("/health"), keys("/v1/health")
	for _, name := range []string{"code", "data", "success", "uptime", "timestamp"} {
		if _, ok := documented[name]; !ok {
			t.Errorf("/health lacks %s", name)
		}
		if _, ok := native[name]; ok {
			t.Errorf("/v1/health has %s", name)
		}
	}
	for _, name := range []string{"ok", "uptime_seconds", "database", "sessions", "connections", "transports", "sandbox"} {
		if _, ok := documented[name]; ok {
			t.Errorf("/health has %s", name)
		}
	}
	result := s.call("server.getHealth", nil)
	for name := range result {
		if _, ok := native[name]; !ok {
			t.Errorf("/v1/health lacks %s", name)
		}
	}
	if len(native) != len(result) {
		t.Errorf("/v1/health has %v, server.getHealth %v", native, result)
	}
}
