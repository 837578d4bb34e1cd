package outlets

import (
	"context"
	"net/url"
	"strings"

	"github.com/waystation/waystation/transports/broker"
	"github.com/waystation/waystation/transports/kit/refusal"
	"github.com/waystation/waystation/transports/sqs"
)

// sqsOptions are documented at sqs.Config. The URL is that of the queue, or its name.
type sqsOptions struct {
	Region           string `json:"region"`
	Endpoint         string `json:"endpoint"`
	AccessKey        string `json:"access_key"`
	SecretKey        string `json:"secret_key"`
	SessionToken     string `json:"session_token"`
	Profile          string `json:"profile"`
	InstanceMetadata bool   `json:"instance_metadata"`
	Create           bool   `json:"create"`
	MaxBytes         int    `json:"max_bytes"`
	Requests         int    `json:"requests"`
	TimeoutMS        int64  `json:"timeout_ms"`
}

var sqsKind = Kind{
	New: func() Options {
		return &sqsOptions{MaxBytes: sqs.DefaultMaxBytes, Requests: sqs.DefaultRequests, TimeoutMS: sqs.DefaultTimeout.Milliseconds()}
	},
	Secrets: []string{"access_key", "secret_key", "session_token"},
	Mask:    maskQueue,
}

// maskQueue shows addresses and names of queues, which hold no secrets.
func maskQueue(queue string) string {
	if u, err := url.Parse(queue); err == nil && u.User == nil && u.RawQuery == "" {
		return queue
	}
	return broker.Mask(queue)
}

// Open implements Options.
func (o *sqsOptions) Open(queue string, access Access) (Connection, error) {
	var p refusal.Problems
	if queue == "" {
		p.Add("url", "must be the URL or the name of a queue")
	}
	if !access.Operator {
		// The server's own credentials belong to its operator.
		for _, f := range []struct {
			field string
			wrong bool
			text  string
		}{
			{"access_key", o.AccessKey == "", "is needed, with a secret_key: the server's own credentials are for global transports"},
			{"region", o.Region == "", "is needed"},
			{"profile", o.Profile != "", "is for global transports alone"},
			{"instance_metadata", o.InstanceMetadata, "is for global transports alone"},
		} {
			if f.wrong {
				p.Add(f.field, f.text)
			}
		}
	}
	if err := p.Err(); err != nil {
		return nil, err
	}
	s, err := sqs.Open(sqs.Config{
		Queue: strings.ReplaceAll(queue, "{event}", "{event_type}"), Create: o.Create, Region: o.Region, Endpoint: o.Endpoint,
		AccessKey: o.AccessKey, SecretKey: o.SecretKey, SessionToken: o.SessionToken, Profile: o.Profile, InstanceMetadata: o.InstanceMetadata,
		Dial: access.Dial, Timeout: milliseconds(o.TimeoutMS), MaxBytes: o.MaxBytes, Requests: o.Requests,
		MaxQueues: access.MaxNames,
	})
	if err != nil {
		return nil, renameFields(err, map[string]string{"queue": "url", "timeout": "timeout_ms"})
	}
	return sqsConnection{s, queue, o.Endpoint}, nil
}

// Hosts implements Options. A host in which there is a placeholder is left to the connection.
func (o *sqsOptions) Hosts(queue string) []Host {
	field, at := "endpoint", o.Endpoint
	if at == "" && strings.Contains(queue, "://") && !strings.Contains(queue, "://{") {
		field, at = "url", queue
	}
	host, _ := hostPort(at)
	return []Host{{field, host}}
}

type sqsConnection struct {
	*sqs.Sink
	queue, endpoint string
}

// Test implements Connection.
func (c sqsConnection) Test(ctx context.Context, session string) (r Report, err error) {
	r.Queue = maskQueue(c.queue)
	at := c.endpoint
	if at == "" && strings.Contains(c.queue, "://") {
		at = c.queue
	}
	r.Host, r.Port = hostPort(at)
	_, err = c.Sink.Test(ctx, session)
	return r, err
}

// Figures implements Connection.
func (c sqsConnection) Figures() Figures { return Figures{Figures: c.Stats()} }
