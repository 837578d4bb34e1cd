package cli

import (
	"io"
	"log/slog"

	"github.com/waystation/waystation/server/config"
)

// NewLogger returns the logger of a server, in the format and with the level of its settings.
func NewLogger(w io.Writer, cfg *config.Config) *slog.Logger {
	var level slog.Level
	if err := level.UnmarshalText([]byte(cfg.LogLevel)); err != nil {
		panic(err) // config has checked it
	}
	options := &slog.HandlerOptions{Level: level}
	if cfg.LogFormat == "json" {
		return slog.New(slog.NewJSONHandler(w, options))
	}
	return slog.New(slog.NewTextHandler(w, options))
}
