package outlets

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/waystation/waystation/transports/broker"
	"github.com/waystation/waystation/transports/dispatch"
	"github.com/waystation/waystation/transports/kit/guard"
	"github.com/waystation/waystation/transports/kit/refusal"
)

// Masked stands in results for a secret; given as one, it means that the secret stays as it is.
const Masked = "***"

// AllEvents stands for every event that has an offset; signals (typing, presence, pairing codes) must be named. Documents
// write it All, which is taken as well.
const AllEvents = "*"

// Connection is a sink of one configuration.
type Connection interface {
	dispatch.Sink
	// Test connects, if need be, and asks whether events of a session would be taken.
	Test(ctx context.Context, session string) (Report, error)
	Figures() Figures
	Close() error
}

// Report is the result of a connection test.
type Report struct {
	Host                        string
	Port                        int
	Exchange, Queue             string
	ExchangeExists, QueueExists *bool // nil = not asked
}

// Figures are the state and counts of a connection since it was opened.
type Figures struct {
	broker.Figures
	ActiveQueues int // queues that received messages; 0 if the kind has no queues
	Unroutable   uint64
	Queues       []string // those that are counted, of this session alone where it was asked for one
}

// Options are the settings of one kind of broker. They are decoded from and shown as JSON.
type Options interface {
	// Open makes a connection without waiting for the broker. Its error is refusal.Problems, with fields named as the options
	// are, or url.
	Open(url string, access Access) (Connection, error)
	// Hosts returns the hosts that are connected first, as far as the settings name them.
	Hosts(url string) []Host
}

// Host is a host that settings name.
type Host struct {
	Field string // as those of Open's error
	Name  string // name or address; empty = none
}

// Access is what a configuration may use: hosts, files and features of the server.
type Access struct {
	Dial     broker.Dial // nil = connect anywhere
	Operator bool        // the operator's own: files of the server may be named
	MaxNames int         // of queues and such that a connection remembers; 0 = the sink's default
}

// Kind is a sort of broker.
type Kind struct {
	New     func() Options // with defaults
	Secrets []string       // options that are never shown
	Told    []string       // secret options that are sent to the address unencrypted: a change of the address must set them again
	// Mask shows a url without its secrets; nil = broker.Mask.
	Mask func(url string) string
}

// Settings say where the events of a session, or of all, go by one transport.
type Settings struct {
	Enabled bool
	URL     string   // a secret
	Events  []string // names, or AllEvents among them
	Options map[string]json.RawMessage
}

// decodeOptions reads the options over the kind's defaults. The error is refusal.Problems.
func (k *Kind) decodeOptions(given map[string]json.RawMessage) (Options, error) {
	options := k.New()
	var p refusal.Problems
	for name, value := range given {
		one, err := json.Marshal(map[string]json.RawMessage{name: value})
		if err == nil {
			decoder := json.NewDecoder(bytes.NewReader(one))
			decoder.DisallowUnknownFields()
			if err = decoder.Decode(options); err == nil {
				_, err = decoder.Token()
			}
		}
		var wrong *json.UnmarshalTypeError
		switch {
		case errors.Is(err, io.EOF):
		case errors.As(err, &wrong):
			p.Add("options/"+name, "must not be "+wrong.Value)
		default:
			p.Add("options/"+name, "is no option of this transport, or is no JSON for it")
		}
	}
	slices.SortFunc(p, func(a, b refusal.Problem) int { return strings.Compare(a.Field, b.Field) })
	if o, ok := options.(interface{ applyDefaults() }); ok { // defaults that depend on other options
		o.applyDefaults()
	}
	return options, p.Err()
}

// openConnection makes a connection. The error is refusal.Problems with the fields of Settings.
func (k *Kind) openConnection(s *Settings, access Access) (Connection, error) {
	options, err := k.decodeOptions(s.Options)
	if err != nil {
		return nil, err
	}
	conn, err := options.Open(guard.Tidy(s.URL), access)
	var p refusal.Problems
	if errors.As(err, &p) {
		for i := range p {
			p[i] = optionProblem(p[i])
		}
		return nil, p
	}
	return conn, err
}

// optionProblem is a problem of a connection with the field of Settings.
func optionProblem(p refusal.Problem) refusal.Problem {
	if p.Field != "url" {
		p.Field = "options/" + p.Field
	}
	return p
}

// Shown are settings as they may be shown: with the options that were not given, and without secrets.
func (k *Kind) shownOptions(s *Settings) (Settings, error) {
	out := *s
	out.Events = slices.Clone(s.Events)
	if s.URL != "" {
		out.URL = k.maskSecrets(s.URL)
	}
	options, err := k.decodeOptions(s.Options)
	if err != nil {
		return out, err
	}
	text, err := json.Marshal(options)
	if err != nil {
		return out, fmt.Errorf("outlets: show options: %w", err)
	}
	out.Options = nil
	if err = json.Unmarshal(text, &out.Options); err != nil {
		return out, fmt.Errorf("outlets: show options: %w", err)
	}
	for _, name := range k.Secrets {
		if value := string(out.Options[name]); value != `""` && value != "null" && value != "" {
			out.Options[name] = json.RawMessage(`"` + Masked + `"`)
		}
	}
	return out, nil
}

// renameFields puts the names of options in the place of a sink's own for the same thing.
func renameFields(err error, names map[string]string) error {
	var p refusal.Problems
	if !errors.As(err, &p) {
		return err
	}
	for i := range p {
		if name, differs := names[p[i].Field]; differs {
			p[i].Field = name
		}
	}
	return p
}

func (k *Kind) maskSecrets(url string) string {
	if k.Mask != nil {
		return k.Mask(url)
	}
	return broker.Mask(url)
}

// buildFilter returns the dispatcher's filter of a subscription. volatile reports which names are signals.
func buildFilter(events []string, volatile map[string]bool) dispatch.Filter {
	return dispatch.Filter{Events: events, Signals: slices.ContainsFunc(events, func(name string) bool { return volatile[name] })}
}

// checkEvents normalizes event names and rejects unknown ones.
func checkEvents(given []string, volatile map[string]bool) (events []string, p refusal.Problems) {
	events = make([]string, 0, len(given))
	for i, name := range given {
		if strings.EqualFold(name, "all") {
			name = AllEvents
		}
		if _, known := volatile[name]; !known && name != AllEvents {
			p.Add(fmt.Sprintf("events/%d", i), refusal.NoEvent(name))
		}
		if !slices.Contains(events, name) {
			events = append(events, name)
		}
	}
	if len(events) == 0 {
		p.Add("events", "must not be empty; enabled: false switches a transport off")
	}
	return events, p
}
