package media

import (
	"context"
	"embed"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"time"

	"go.mau.fi/util/dbutil"
	"golang.org/x/sync/semaphore"

	"github.com/waystation/waystation/transports/kit/database"
	"github.com/waystation/waystation/transports/kit/guard"
)

//go:embed migrations/*.sql
var migrations embed.FS

// Config bounds a Library. A zero field takes its default.
type Config struct {
	// Dir holds the files. Empty = a new temporary directory that Close removes.
	Dir string
	// MaxBytes bounds one file. Default 100 MiB; WhatsApp takes documents of up to 2 GB.
	MaxBytes int64
	// MaxSessionBytes bounds the kept files of one session. Default 2 GiB.
	MaxSessionBytes int64
	// Keep is how long a file is kept. Default 7 days.
	Keep time.Duration
	// MaxUploads is how many uploads in parts a session may have unfinished. Default 16.
	MaxUploads int
	// KeepUploads is how long such an upload may take. Default 24 hours.
	KeepUploads time.Duration
	// FetchTimeout bounds the download of a url. Default 60 s.
	FetchTimeout time.Duration
	// MaxPixels bounds a picture that is decoded: width times height. Default 40 million.
	MaxPixels int
	// Decoders is how many pictures are decoded at once. Default 2: each may
	// take four bytes a pixel.
	Decoders int64
	// Converter is the ffmpeg program. Default: ffmpeg on the PATH, if there is one.
	Converter string
	// UserAgent is the User-Agent of downloads of a url. Default "Waystation".
	UserAgent string
}

const (
	defaultMaxBytes        = 100 << 20
	defaultMaxSessionBytes = 2 << 30
	defaultKeep            = 7 * 24 * time.Hour
	defaultMaxUploads      = 16
	defaultKeepUploads     = 24 * time.Hour
	defaultFetchTimeout    = 60 * time.Second
	defaultMaxPixels       = 40_000_000
	defaultDecoders        = 2
	defaultUserAgent       = "Waystation"
)

func (c Config) withDefaults() Config {
	set(&c.MaxBytes, defaultMaxBytes)
	set(&c.MaxSessionBytes, defaultMaxSessionBytes)
	set(&c.Keep, defaultKeep)
	set(&c.MaxUploads, defaultMaxUploads)
	set(&c.KeepUploads, defaultKeepUploads)
	set(&c.FetchTimeout, defaultFetchTimeout)
	set(&c.MaxPixels, defaultMaxPixels)
	set(&c.Decoders, defaultDecoders)
	set(&c.UserAgent, defaultUserAgent)
	return c
}

func set[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}

// Library opens, prepares and keeps files. It is safe for concurrent use.
type Library struct {
	config   Config
	db       *dbutil.Database
	client   *http.Client
	decoders *semaphore.Weighted
	dir      string
	ownsDir  bool

	uploads sync.Mutex // while one is begun
	writing sync.Map   // uploads that a request writes to: session and id
}

// New brings the table and the folders up to date and removes incomplete files of
// an earlier process.
func New(ctx context.Context, db *dbutil.Database, outbound *guard.Guard, config Config) (*Library, error) {
	config = config.withDefaults()
	files, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return nil, fmt.Errorf("media: %w", err)
	}
	owned, err := database.Migrate(ctx, db, "media", files)
	if err != nil {
		return nil, fmt.Errorf("media: %w", err)
	}
	l := &Library{
		config: config, db: owned, dir: config.Dir, decoders: semaphore.NewWeighted(config.Decoders),
		client: outbound.Client(guard.Limits{Timeout: config.FetchTimeout, MaxBytes: config.MaxBytes}),
	}
	if l.dir == "" {
		if l.dir, err = os.MkdirTemp("", "waystation-media-*"); err != nil {
			return nil, fmt.Errorf("media: %w", err)
		}
		l.ownsDir = true
	}
	if err := os.RemoveAll(l.tempDir()); err != nil {
		return nil, fmt.Errorf("media: %w", err)
	}
	if err := os.MkdirAll(l.tempDir(), 0o700); err != nil {
		return nil, fmt.Errorf("media: %w", err)
	}
	if err := os.MkdirAll(filepath.Join(l.dir, "uploads"), 0o700); err != nil {
		return nil, fmt.Errorf("media: %w", err)
	}
	if err := l.nameOldFiles(ctx); err != nil {
		return nil, fmt.Errorf("media: %w", err)
	}
	return l, nil
}

// Close removes the folder if it was a temporary one.
func (l *Library) Close() error {
	l.client.CloseIdleConnections()
	if l.ownsDir {
		return os.RemoveAll(l.dir)
	}
	return nil
}

// MaxBytes is the largest file taken.
func (l *Library) MaxBytes() int64 { return l.config.MaxBytes }

func (l *Library) tempDir() string { return filepath.Join(l.dir, "tmp") }
