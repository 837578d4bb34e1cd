package amqp

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/waystation/waystation/transports/broker"
	"github.com/waystation/waystation/transports/kit/refusal"
)

// Defaults of Config.
const (
	DefaultConnectTimeout = 10 * time.Second // a broker under load takes seconds to greet
	DefaultHeartbeat      = 10 * time.Second // a connection without any sign for two of them is lost
	DefaultReconnectBase  = 250 * time.Millisecond
	DefaultReconnectCap   = 10 * time.Second // longest wait of a broker that has recovered
	DefaultMaxBytes       = 8 << 20          // RabbitMQ 4 takes 16 MiB
	DefaultMaxRoutes      = 10_000           // some 300 bytes each
)

// Config sets up a Sink. Zero fields take the defaults above, except for those of Settings.
type Config struct {
	Settings
	TLS  broker.TLS
	Dial broker.Dial // nil = connect anywhere

	ConnectTimeout time.Duration // until the broker has greeted
	Heartbeat      time.Duration
	// ReconnectBase and ReconnectCap bound the pause after a failed attempt to connect: it doubles up to the cap, and a random half of it is taken off.
	ReconnectBase, ReconnectCap time.Duration
	MaxBytes                    int // bytes of a message; larger events are sent by reference
	MaxRoutes                   int // pairs of queue and routing key that are known to be declared; beyond it all are declared once more
}

func (c Config) withDefaults() Config {
	c.ConnectTimeout = cmp.Or(c.ConnectTimeout, DefaultConnectTimeout)
	c.Heartbeat = cmp.Or(c.Heartbeat, DefaultHeartbeat)
	c.ReconnectBase = cmp.Or(c.ReconnectBase, DefaultReconnectBase)
	c.ReconnectCap = cmp.Or(c.ReconnectCap, DefaultReconnectCap)
	c.MaxBytes = cmp.Or(c.MaxBytes, DefaultMaxBytes)
	c.MaxRoutes = cmp.Or(c.MaxRoutes, DefaultMaxRoutes)
	return c
}

func (c *Config) publishTimeout() time.Duration {
	return time.Duration(c.PublishTimeout * float64(time.Second))
}

// Validate returns the invalid settings, as refusal.Problems.
func (c Config) Validate() error {
	var p refusal.Problems
	if err := c.Settings.Validate(); !errors.As(err, &p) && err != nil {
		return err
	}
	for field, negative := range map[string]bool{
		"connect_timeout": c.ConnectTimeout < 0, "heartbeat": c.Heartbeat < 0, "reconnect_base": c.ReconnectBase < 0,
		"reconnect_cap": c.ReconnectCap < 0, "max_bytes": c.MaxBytes < 0, "max_routes": c.MaxRoutes < 0,
	} {
		if negative {
			p.Add(field, "must not be negative")
		}
	}
	return p.Err()
}

// Errors of an address; none contains any part of it.
var (
	errURL    = errors.New("must be amqp:// or amqps://, with a host, and %xx in the place of special characters in user, password and virtual host")
	errParams = errors.New("must have no ? or #")
)

// parseURL takes an address apart. Parameters are refused, since the library reads files that they name.
func parseURL(text string) (amqp.URI, error) {
	if strings.ContainsAny(text, "?#") {
		return amqp.URI{}, errParams
	}
	u, err := amqp.ParseURI(text)
	if err != nil || u.Host == "" || u.Port < 1 || u.Port > math.MaxUint16 {
		return amqp.URI{}, errURL
	}
	return u, nil
}

// Host returns the host of an address, or the protocol's default; empty for an address that Config.Validate rejects.
func Host(address string) string {
	u, err := parseURL(address)
	if err != nil {
		return ""
	}
	return u.Host
}

// toTable converts JSON arguments; whole numbers become integers, as brokers require.
func toTable(args map[string]any) (amqp.Table, error) {
	t := amqp.Table{}
	for name, value := range args {
		if name == "" || len(name) > maxName {
			return nil, errors.New("has a name that is empty or longer than 255 bytes")
		}
		v, err := toArgument(value, 0)
		if err != nil {
			return nil, fmt.Errorf("has %q, which %w", name, err)
		}
		t[name] = v
	}
	return t, t.Validate()
}

// maxDepth bounds arguments inside of arguments.
const maxDepth = 4

func toArgument(value any, depth int) (any, error) {
	switch v := value.(type) {
	case nil, bool, string, int64:
		return v, nil
	case int:
		return int64(v), nil
	case float64:
		if v == math.Trunc(v) && math.Abs(v) <= maxNumber {
			return int64(v), nil
		}
		return v, nil
	case []any:
		list := make([]any, len(v))
		for i, element := range v {
			var err error
			if list[i], err = convertNested(element, depth); err != nil {
				return nil, err
			}
		}
		return list, nil
	case map[string]any:
		t := amqp.Table{}
		for name, element := range v {
			var err error
			if t[name], err = convertNested(element, depth); err != nil {
				return nil, err
			}
		}
		return t, nil
	}
	return nil, errors.New("is no JSON value")
}

func convertNested(value any, depth int) (any, error) {
	if depth == maxDepth {
		return nil, errors.New("is nested too deep")
	}
	return toArgument(value, depth+1)
}

func isPrintable(text string) bool {
	return utf8.ValidString(text) && !strings.ContainsFunc(text, unicode.IsControl)
}

func joinChoices(of map[string]bool) string {
	return strings.Join(slices.Sorted(maps.Keys(of)), ", ")
}
