package expfmtcheck

import (
	"bytes"
	"context"
	"math"
	"net"
	"net/http"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"github.com/waystation/waystation/server/metrics"
)

// Every value that can be written is read as it was.
func TestPageIsRead(t *testing.T) {
	p := metrics.NewPage([]metrics.Family{{Name: "a_total", Kind: metrics.Counter, Labels: []string{"x"}, Help: "Lines\nand \\ more."}})
	values := map[string]float64{"plain": 1, "quote\" slash\\ line\n": 0.1, "": 1e300, "ü": math.Inf(1)}
	for label, value := range values {
		p.Add("a_total", value, label)
	}
	var page bytes.Buffer
	if _, err := p.WriteTo(&page); err != nil {
		t.Fatal(err)
	}
	parser := expfmt.NewTextParser(model.LegacyValidation)
	families, err := parser.TextToMetricFamilies(&page)
	if err != nil {
		t.Fatal(err)
	}
	got := families["a_total"]
	if got.GetHelp() != "Lines\nand \\ more." || len(got.GetMetric()) != len(values) {
		t.Fatalf("read %v", got)
	}
	for _, m := range got.GetMetric() {
		label := m.GetLabel()[0].GetValue()
		if want, known := values[label]; !known || m.GetCounter().GetValue() != want {
			t.Errorf("%q is %v", label, m.GetCounter().GetValue())
		}
	}
}

// The server's own page has every family of the table, with its kind and its labels.
func TestServerIsScraped(t *testing.T) {
	program := filepath.Join(t.TempDir(), "waystation")
	build := exec.CommandContext(t.Context(), "go", "build", "-buildvcs=false", "-o", program, "./server")
	build.Dir = filepath.Join("..", "..", "..")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := listener.Addr().String()
	_ = listener.Close()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	server := exec.CommandContext(ctx, program, "-sandbox", "-session", "none", "-data-dir", t.TempDir(), "-listen", "127.0.0.1:0", "-metrics-listen", address, "-qr", "never")
	server.Cancel = func() error { return server.Process.Signal(syscall.SIGTERM) }
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { cancel(); _ = server.Wait() }()
	var response *http.Response
	for {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+address+"/metrics", nil)
		if err != nil {
			t.Fatal(err)
		}
		if response, err = http.DefaultClient.Do(request); err == nil {
			break
		}
		if ctx.Err() != nil {
			t.Fatal(err)
		}
		time.Sleep(20 * time.Millisecond)
	}
	defer response.Body.Close()
	parser := expfmt.NewTextParser(model.LegacyValidation)
	families, err := parser.TextToMetricFamilies(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range metrics.Families {
		got := families[want.Name]
		if got == nil || strings.ToLower(got.GetType().String()) != string(want.Kind) || got.GetHelp() != want.Help {
			if got == nil && len(want.Labels) > 0 {
				continue // nothing of it yet
			}
			t.Errorf("%s: %v", want.Name, got)
			continue
		}
		for _, m := range got.GetMetric() {
			if len(m.GetLabel()) != len(want.Labels) {
				t.Errorf("%s: labels %v", want.Name, m.GetLabel())
			}
		}
	}
}
