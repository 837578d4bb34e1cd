package config

import (
	"bytes"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Global transports are set by flag, variable with or without the prefix, and file, in this order.
func TestGlobals(t *testing.T) {
	file := filepath.Join(t.TempDir(), "env")
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("# global transports\n\nexport GLOBAL_REDIS_ENABLED=true\nGLOBAL_REDIS_URL=\"redis://:hunter2@r/\"\nGLOBAL_REDIS_STREAM='events:{session}'\n" +
		"GLOBAL_WEBHOOK_URL=https://file.example/#x\nGLOBAL_RABBITMQ_EVENTS=Message\nWAYSTATION_GLOBAL_RABBITMQ_EVENTS=Receipt\n")
	environ := []string{"WAYSTATION_ENV_FILE=" + file, "GLOBAL_WEBHOOK_ENABLED=true", "GLOBAL_WEBHOOK_EVENTS=Message, Receipt", "GLOBAL_REDIS_CHANNEL=c"}
	c, unknown, err := Parse([]string{"-global-redis-stream", "flag"}, environ)
	if err != nil || len(unknown) > 0 {
		t.Fatal(err, unknown)
	}
	g := c.Global
	if !g.RedisEnabled || g.RedisURL != "redis://:hunter2@r/" || g.RedisStream != "flag" || g.RedisChannel != "c" || !g.WebhookEnabled ||
		g.WebhookURL != "https://file.example/#x" || strings.Join(g.WebhookEvents, " ") != "Message Receipt" ||
		strings.Join(g.RabbitMQEvents, " ") != "Receipt" || strings.Join(g.SQSEvents, " ") != "All" || !g.WebSocketEnabled {
		t.Errorf("got %+v", g)
	}
	var out bytes.Buffer
	slog.New(slog.NewTextHandler(&out, nil)).Info("settings", "config", c)
	if strings.Contains(out.String(), "hunter2") || strings.Contains(out.String(), "file.example") || !strings.Contains(out.String(), "global-redis-url=***") {
		t.Errorf("log: %s", out.String())
	}
	write("GLOBAL_REDIS_ENABLED=false\n")
	if c, err = c.Reread(); err != nil || c.Global.RedisEnabled || c.Global.RedisURL != "" || !c.Global.WebhookEnabled {
		t.Errorf("read again: %+v, %v", c, err)
	}
	for text, want := range map[string]string{
		"GLOBAL_REDIS_ENABLED=maybe\n":         "GLOBAL_REDIS_ENABLED",
		"GLOBAL_WEBHOOK_FORMAT=xml":            "GLOBAL_WEBHOOK_FORMAT",
		"A=1\nhunter2":                         "line 2 is not NAME=value",
		"B C=hunter2":                          "line 1 is not NAME=value",
		"A=" + strings.Repeat("x", maxEnvFile): "larger",
	} {
		write(text)
		if _, err := c.Reread(); err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%.40q: %v", text, err)
		}
	}
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Reread(); err == nil || !strings.Contains(err.Error(), "env-file") {
		t.Errorf("no file: %v", err)
	}
	if text := GlobalVariables()["GLOBAL_RABBITMQ_URL"]; text == "" || GlobalVariables()["GLOBAL_SKIP_MEDIA_DOWNLOAD"] == "" {
		t.Errorf("variables %v", GlobalVariables())
	}
}
