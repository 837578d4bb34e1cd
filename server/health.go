package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"time"
)

// checkHealth asks a running server for /health, so that an image needs no other program for its health check.
func checkHealth(ctx context.Context, c console, args []string) error {
	flags := newFlags("health", "Ask a running server whether it is well. Exits with 1 when it is not.")
	url := flags.String("url", "", "`URL` of /health; default: port of WAYSTATION_LISTEN on this machine")
	timeout := flags.Duration("timeout", 5*time.Second, "`duration` to wait for the answer")
	if err := flags.parse(c, args); err != nil {
		return err
	}
	if *url == "" {
		*url = "http://" + localAddress(c.environ) + "/health"
	}
	ctx, cancel := context.WithTimeout(ctx, *timeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, *url, nil)
	if err != nil {
		return fmt.Errorf("%w: -url: %w", errUsage, err)
	}
	client := &http.Client{Transport: &http.Transport{Proxy: nil, DisableKeepAlives: true}}
	response, err := client.Do(request)
	if err != nil {
		return err
	}
	defer func() { _ = response.Body.Close() }()
	if _, err := io.Copy(c.out, io.LimitReader(response.Body, 64<<10)); err != nil {
		return err
	}
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("the server is not well: %s", response.Status)
	}
	return nil
}

// localAddress is where the server of this environment can be reached from this machine.
func localAddress(environ []string) string {
	listen := "127.0.0.1:8480"
	for _, entry := range environ {
		if value, ok := strings.CutPrefix(entry, "WAYSTATION_LISTEN="); ok && value != "" {
			listen = value
		}
	}
	i := strings.LastIndexByte(listen, ':')
	if i < 0 {
		return listen
	}
	switch host := strings.Trim(listen[:i], "[]"); host {
	case "", "0.0.0.0", "::":
		return "127.0.0.1" + listen[i:]
	default:
		return listen
	}
}

// program is how this program was called, for commands that people are shown.
func program() string {
	if len(os.Args) > 0 && os.Args[0] != "" && !strings.Contains(os.Args[0], "go-build") {
		return os.Args[0]
	}
	return "go run ./server"
}
