package cli

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"time"
)

// healthPath is the path of the health report, which needs no token.
const healthPath = "/v1/health"

// checkHealth requests GET /v1/health of a running server, so that an image needs no other program for its health
// check. Its error makes the program exit with status 1.
func checkHealth(ctx context.Context, c Console, args []string) error {
	flags := newFlags("health", "Print the health of a running server. Exits with 1 when it is unhealthy or does not answer.")
	address := flags.String("url", localAddress(c.Environ), "address of the server: `URL` or host:port; default from WAYSTATION_LISTEN")
	timeout := flags.Duration("timeout", 5*time.Second, "`duration` to wait for the answer")
	if err := flags.parse(c, args); err != nil {
		return err
	}
	url, err := endpointURL(*address, "http", healthPath)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, *timeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	client := &http.Client{Transport: &http.Transport{Proxy: nil, DisableKeepAlives: true}}
	response, err := client.Do(request)
	if err != nil {
		return err
	}
	defer func() { _ = response.Body.Close() }()
	if _, err := io.Copy(c.Out, io.LimitReader(response.Body, 64<<10)); err != nil {
		return err
	}
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("the server is unhealthy: %s answered %s", url, response.Status)
	}
	return nil
}

// localAddress returns the address of the server that this environment configures, for clients on this machine.
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

// programName returns the name under which this program was called, for commands shown to people.
func programName() string {
	if len(os.Args) > 0 && os.Args[0] != "" && !strings.Contains(os.Args[0], "go-build") {
		return os.Args[0]
	}
	return "go run ./server"
}
