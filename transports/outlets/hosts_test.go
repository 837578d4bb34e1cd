package outlets

import (
	"context"
	"encoding/json"
	"errors"
	"net"
	"net/netip"
	"slices"
	"testing"

	"github.com/waystation/waystation/transports/kit/guard"
	"github.com/waystation/waystation/transports/kit/refusal"
)

// names is a resolver from a table.
type names map[string]string

func (n names) LookupNetIP(_ context.Context, _, host string) ([]netip.Addr, error) {
	if n[host] == "" {
		return nil, &net.DNSError{Err: "no such host", Name: host, IsNotFound: true}
	}
	return []netip.Addr{netip.MustParseAddr(n[host])}, nil
}

// A host that tenants may not reach is rejected when it is set, with the name of its field.
func TestHostsOfTenants(t *testing.T) {
	outbound, err := guard.New(guard.Config{
		Allow: []string{"10.1.0.0/16"}, Resolver: names{"public.example": "93.184.216.34", "inside.example": "10.0.0.7", "localhost": "127.0.0.1"},
	})
	if err != nil {
		t.Fatal(err)
	}
	keys := map[string]string{"region": "eu-west-1", "access_key": "key", "secret_key": "s3cret"}
	for name, c := range map[string]struct {
		transport, url string
		options        map[string]string
		field          string // empty = taken
	}{
		"public":               {"redis", "redis://public.example:6379/0", nil, ""},
		"allowed":              {"redis", "redis://10.1.2.3", nil, ""},
		"not there now":        {"amqp", "amqp://away.example/", nil, ""},
		"private":              {"redis", "redis://user:s3cret@10.0.0.7:6379/0", nil, "url"},
		"name of a private":    {"amqp", "amqps://inside.example/", nil, "url"},
		"no host":              {"amqp", "amqp:///", nil, "url"},
		"IPv6":                 {"amqp", "amqp://[::ffff:127.0.0.1]:5672/", nil, "url"},
		"unusual form":         {"redis", "redis://127.1", nil, "url"},
		"one of the sentinels": {"redis", "redis+sentinel://public.example,10.0.0.7:1/main", nil, "url"},
		"one of a cluster":     {"redis", "rediss+cluster://public.example,inside.example", nil, "url"},
		"endpoint":             {"sqs", "way", map[string]string{"endpoint": "http://169.254.169.254"}, "options/endpoint"},
		"URL of a queue":       {"sqs", "http://inside.example:9324/1/way-{session}", nil, "url"},
		"name of a queue":      {"sqs", "way-{session}.fifo", nil, ""},
	} {
		t.Run(name, func(t *testing.T) {
			kind := Kinds()[c.transport]
			set := Settings{URL: c.url, Options: map[string]json.RawMessage{}}
			if c.transport == "sqs" {
				for option, value := range keys {
					set.Options[option] = json.RawMessage(`"` + value + `"`)
				}
			}
			for option, value := range c.options {
				set.Options[option] = json.RawMessage(`"` + value + `"`)
			}
			o := &Outlets{cfg: Config{Check: outbound.CheckHost}}
			var p refusal.Problems
			switch err := o.checkHosts(t.Context(), &kind, set); {
			case c.field == "" && err == nil:
			case !errors.As(err, &p) || len(p) != 1 || p[0].Field != c.field:
				t.Errorf("%v, want a problem of %q", err, c.field)
			}
		})
	}
}

// Settings with such a host are neither stored nor used, and do not block other changes.
func TestForbiddenHost(t *testing.T) {
	onEach(t, func(w *world) {
		t := w.t
		ctx := t.Context()
		w.start(map[string][]string{"a": nil}, Globals{})
		var asked []string
		w.o.cfg.Check = func(_ context.Context, host string) error {
			asked = append(asked, host)
			if host == "inside" {
				return &guard.Error{Reason: guard.ReasonForbidden}
			}
			return nil
		}
		inside, outside, off := "inside", "outside", false
		for _, try := range []func() error{
			func() error { return w.o.Check(ctx, "redis", Change{URL: &inside}) },
			func() error { _, err := w.o.Update(ctx, "a", "redis", Change{URL: &inside}); return err },
		} {
			var p refusal.Problems
			if err := try(); !errors.As(err, &p) || len(p) != 1 || p[0].Field != "url" {
				t.Errorf("%v", err)
			}
		}
		if _, _, err := w.o.Get(ctx, "a", "redis"); !errors.Is(err, ErrNotFound) {
			t.Errorf("%v", err)
		}
		for _, c := range []Change{{URL: &outside}, {Enabled: &off}} {
			if _, err := w.o.Update(ctx, "a", "redis", c); err != nil {
				t.Error(err)
			}
		}
		if !slices.Equal(asked, []string{"inside", "inside", "outside"}) {
			t.Errorf("asked for %v", asked)
		}
	})
}
