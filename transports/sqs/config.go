package sqs

import (
	"cmp"
	"net/url"
	"regexp"
	"strings"
	"time"

	"github.com/waystation/waystation/transports/broker"
	"github.com/waystation/waystation/transports/kit/refusal"
)

// Defaults of Config.
const (
	DefaultTimeout   = 10 * time.Second // of a request; usual are 10 to 50 ms
	DefaultMaxBytes  = 256 << 10        // limit of a message and of all messages of a request; every queue accepts it
	DefaultRequests  = 8                // at a time: at 20 ms and ten messages each 4,000 a second
	DefaultMaxQueues = 10_000           // some 300 bytes each
)

const (
	maxBytes   = 1 << 20     // the most that SQS takes
	maxTimeout = time.Minute // limit of a request: a settings change or shutdown waits this long for running requests
)

// Config sets up a Sink. Zero fields take the defaults above.
type Config struct {
	// Queue is the URL or the name of a queue, as a name pattern (see broker.Pattern): letters, digits, - and _, at most 80
	// bytes. One that ends with .fifo is a FIFO queue.
	Queue  string
	Create bool // make a queue that is not there, with the attributes that SQS gives it; needs the right to

	Region string // empty = as the environment or the shared files say
	// Endpoint replaces that of the queue's URL, or of the region where Queue is a name: an http:// or https:// address.
	Endpoint string
	// AccessKey and SecretKey, with or without SessionToken, are credentials; they are secrets. Without them the SDK's chain
	// looks at the environment, the shared files (of Profile), web identity and container roles.
	AccessKey, SecretKey, SessionToken string
	Profile                            string
	InstanceMetadata                   bool        // ask the machine's metadata service as well
	Dial                               broker.Dial // nil = connect anywhere

	Timeout   time.Duration // of a request
	MaxBytes  int           // of a message; larger events are sent by reference
	Requests  int           // under way at a time
	MaxQueues int           // whose URLs are known; beyond it they are asked for once more
}

func (c Config) withDefaults() Config {
	c.Timeout = cmp.Or(c.Timeout, DefaultTimeout)
	c.MaxBytes = cmp.Or(c.MaxBytes, DefaultMaxBytes)
	c.Requests = cmp.Or(c.Requests, DefaultRequests)
	if isHTTPAddress(c.Queue) {
		c.Queue = strings.TrimRight(c.Queue, "/")
	}
	c.MaxQueues = cmp.Or(c.MaxQueues, DefaultMaxQueues)
	return c
}

// Validate returns the invalid settings, as refusal.Problems. Open checks whether there is a region.
func (c Config) Validate() error {
	var p refusal.Problems
	if pattern, err := broker.ParsePattern(c.Queue); err != nil {
		p.Add("queue", err.Error())
	} else if name := pattern.Expand("s", "Message"); !isHTTPAddress(name) && !queueName.MatchString(name) {
		p.Add("queue", "must be an http(s) URL or a name of letters, digits, - and _, at most 80 bytes, with or without .fifo at its end")
	} else if isHTTPAddress(name) && c.Create {
		p.Add("create", "is for names of queues, not for URLs")
	}
	if c.Region != "" && !regionName.MatchString(c.Region) {
		p.Add("region", "is no name of a region: letters, digits and -, such as eu-west-1")
	}
	if c.Endpoint != "" && !isHTTPAddress(c.Endpoint) {
		p.Add("endpoint", "must be an http:// or https:// address without user and password")
	}
	if (c.AccessKey == "") != (c.SecretKey == "") {
		p.Add("secret_key", "and access_key must be given together")
	}
	if c.SessionToken != "" && c.AccessKey == "" {
		p.Add("session_token", "needs an access_key")
	}
	if c.AccessKey != "" && c.Profile != "" {
		p.Add("profile", "is for credentials of the shared files, not for an access_key")
	}
	if c.MaxBytes > maxBytes || c.MaxBytes < 0 {
		p.Add("max_bytes", "must be from 1 to 1048576")
	}
	if c.Timeout < 0 || c.Timeout > maxTimeout {
		p.Add("timeout", "must be from 0, which is the default, to "+maxTimeout.String())
	}
	for field, negative := range map[string]bool{"requests": c.Requests < 0, "max_queues": c.MaxQueues < 0} {
		if negative {
			p.Add(field, "must not be negative")
		}
	}
	return p.Err()
}

// queueName matches valid queue names.
var queueName = regexp.MustCompile(`^([A-Za-z0-9_-]{1,80}|[A-Za-z0-9_-]{1,75}\.fifo)$`)

// regionName matches regions that are valid parts of a host name.
var regionName = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$`)

// isFIFO reports whether a queue keeps order.
func isFIFO(queue string) bool { return strings.HasSuffix(queue, ".fifo") }

// isHTTPAddress reports whether a text is an HTTP address.
func isHTTPAddress(text string) bool {
	u, err := url.Parse(text)
	return err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Hostname() != "" && u.User == nil
}

// place is where the queue of a URL is, scheme, host and port; empty for names, and for hosts that differ by session or event.
func place(queue string) string {
	pattern, err := broker.ParsePattern(queue)
	if err != nil {
		return ""
	}
	at := func(name string) string {
		u, err := url.Parse(pattern.Expand(name, name))
		if err != nil || !isHTTPAddress(u.String()) {
			return ""
		}
		return u.Scheme + "://" + u.Host
	}
	if one := at("a"); one == at("b") {
		return one
	}
	return ""
}
